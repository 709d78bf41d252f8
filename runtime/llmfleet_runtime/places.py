"""Where the pod's files and ports are, and its patience; the environment may change them, for tests."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .contract import (
    ADAPTER_FOLDER,
    CACHE_FOLDER,
    CONFIG_FOLDER,
    MODEL_FOLDER,
    SERVING_PORT,
    STATUS_PORT,
    TERMINATION_MESSAGE_FILE,
)
from .pulse import STALL_SECONDS

CLIENTS_FOLDER = "/opt/llmfleet/clients"
"""Of the runtime image: what the downloading process needs beside the engine's libraries (runtime/clients.txt)."""


@dataclass(frozen=True)
class Places:
    """The contract's places, or those of a test."""

    config_folder: Path = Path(CONFIG_FOLDER)
    termination_message: Path = Path(TERMINATION_MESSAGE_FILE)
    serving_port: int = SERVING_PORT
    status_port: int = STATUS_PORT
    adapter_folder: Path = Path(ADAPTER_FOLDER)
    model_folder: Path = Path(MODEL_FOLDER)
    """Where the claim of a ``pvc://`` address is."""
    cache_folder: Path = Path(CACHE_FOLDER)
    clients_folder: Path = Path(CLIENTS_FOLDER)
    stall_seconds: float = STALL_SECONDS
    """How long an engine with work may stand still."""


def places(environment: Mapping[str, str] = os.environ) -> Places:
    """Read ``LLMFLEET_`` with ``CONFIG_FOLDER``, ``MODEL_FOLDER``, ``SERVING_PORT``, ``STATUS_PORT`` and the others."""
    return Places(
        config_folder=Path(environment.get("LLMFLEET_CONFIG_FOLDER", CONFIG_FOLDER)),
        termination_message=Path(environment.get("LLMFLEET_TERMINATION_MESSAGE", TERMINATION_MESSAGE_FILE)),
        serving_port=int(environment.get("LLMFLEET_SERVING_PORT", SERVING_PORT)),
        status_port=int(environment.get("LLMFLEET_STATUS_PORT", STATUS_PORT)),
        adapter_folder=Path(environment.get("LLMFLEET_ADAPTER_FOLDER", ADAPTER_FOLDER)),
        model_folder=Path(environment.get("LLMFLEET_MODEL_FOLDER", MODEL_FOLDER)),
        cache_folder=Path(environment.get("LLMFLEET_CACHE_FOLDER", CACHE_FOLDER)),
        clients_folder=Path(environment.get("LLMFLEET_CLIENTS_FOLDER", CLIENTS_FOLDER)),
        stall_seconds=float(environment.get("LLMFLEET_STALL_SECONDS", STALL_SECONDS)),
    )
