"""Benches: each measures something that the project promises, prints it beside its reach, and fails when missed."""
