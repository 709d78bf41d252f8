"""Stands in for vLLM in the launcher's tests."""
