"""Reads what a model's files say of themselves: configuration and tensor headers, never weights.

``folder`` does the reading, with a limit on every read; all other modules are pure. ``python -m
llmfleet_runtime.inspection FOLDER`` prints the facts as a document of the contract.
"""
