"""Fetches a model into the cache: ``python3 -m llmfleet_runtime.sources REQUEST``, a process of its own.

So the clients of object stores and registries are never in the launcher's memory nor on the engine's path, and SIGKILL
ends a download at any point without harm.
"""
