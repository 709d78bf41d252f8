"""What runs inside a serving pod: the launcher, the guard, and the contract shared with the operator."""
