"""What we decide: pure functions over frozen values; no I/O, no clock."""
