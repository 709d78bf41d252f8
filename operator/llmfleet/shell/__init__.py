"""What we do: every effect, thin."""
