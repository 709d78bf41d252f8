"""The engines for tests and demo, real ones on the CPU, each in an environment of its own, and tiny models."""

from .adapter import Flaw, tiny_adapter
from .gguf import tiny_gguf
from .install import engine_folder, install
from .llamacpp import llamacpp
from .model import tiny_model, tiny_scorer
from .plugins import clients, plugins, servers
from .registries import registry
from .vision import tiny_vision_model

__all__ = [
    "Flaw",
    "clients",
    "engine_folder",
    "install",
    "llamacpp",
    "plugins",
    "registry",
    "servers",
    "tiny_adapter",
    "tiny_gguf",
    "tiny_model",
    "tiny_scorer",
    "tiny_vision_model",
]
