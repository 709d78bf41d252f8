"""What was decided for a fleet, in numbers and in words."""
