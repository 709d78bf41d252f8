"""Measures the launcher's pod against the same work done without it. Each module beside gives rows of one kind."""
