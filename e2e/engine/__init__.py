"""The engine for tests and demo: real vLLM on the CPU, in an environment of its own, and a tiny model."""

from .adapter import Flaw, tiny_adapter
from .install import engine_folder, install
from .model import tiny_model
from .plugins import clients, plugins, servers
from .registries import registry

__all__ = [
    "Flaw",
    "clients",
    "engine_folder",
    "install",
    "plugins",
    "registry",
    "servers",
    "tiny_adapter",
    "tiny_model",
]
