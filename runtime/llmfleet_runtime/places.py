"""Where the pod's files and ports are; the environment may move them, for tests."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .contract import CONFIG_FOLDER, SERVING_PORT, STATUS_PORT, TERMINATION_MESSAGE_FILE


@dataclass(frozen=True)
class Places:
    """The contract's places, or those of a test."""

    config_folder: Path = Path(CONFIG_FOLDER)
    termination_message: Path = Path(TERMINATION_MESSAGE_FILE)
    serving_port: int = SERVING_PORT
    status_port: int = STATUS_PORT


def places(environment: Mapping[str, str] = os.environ) -> Places:
    """Read ``LLMFLEET_CONFIG_FOLDER``, ``…_TERMINATION_MESSAGE``, ``…_SERVING_PORT`` and ``…_STATUS_PORT``."""
    return Places(
        config_folder=Path(environment.get("LLMFLEET_CONFIG_FOLDER", CONFIG_FOLDER)),
        termination_message=Path(environment.get("LLMFLEET_TERMINATION_MESSAGE", TERMINATION_MESSAGE_FILE)),
        serving_port=int(environment.get("LLMFLEET_SERVING_PORT", SERVING_PORT)),
        status_port=int(environment.get("LLMFLEET_STATUS_PORT", STATUS_PORT)),
    )
