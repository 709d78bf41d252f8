"""Finds the model that is to be quantized, on this machine or on a hub."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmfleet_runtime.facts import ModelFacts
from llmfleet_runtime.inspection.errors import BadModel
from llmfleet_runtime.inspection.folder import files_of
from llmfleet_runtime.inspection.model import model_facts
from llmfleet_runtime.made import Order

from .reference import Told

WANTED = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*.tiktoken", "LICENSE*")
"""Files of a repository; weights in pickles are never fetched."""
TWICE = ("original/*", "consolidated*", "onnx/*")
"""The same weights in other formats."""


class NoSource(Exception):
    """The model is not there or cannot be read; the text says why."""


def fetched(order: Order, told: Told) -> Path:
    """The folder with the model; a repository is fetched into the hub's own cache, where a cut download goes on."""
    if order.model.startswith("/"):
        folder = Path(order.model)
        if not (folder / "config.json").is_file():
            raise NoSource(f"{folder} holds no config.json, so no model")
        return folder
    from huggingface_hub import snapshot_download  # noqa: PLC0415 because only a repository needs it

    told("fetching", 0, 0)
    try:
        return Path(
            snapshot_download(
                order.model, revision=order.revision, allow_patterns=list(WANTED), ignore_patterns=list(TWICE)
            )
        )
    except Exception as error:  # whatever it is, it is told in the hub's own words
        raise NoSource(f"{order.model}: {type(error).__name__}: {error}") from error


def described(folder: Path) -> tuple[ModelFacts, Mapping[str, Any]]:
    """The model's facts and its ``config.json``. Raises ``NoSource``."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
        return model_facts(files_of(folder)), config
    except (BadModel, OSError, ValueError) as error:
        raise NoSource(f"{folder}: {error}") from error
