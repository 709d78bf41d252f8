"""The hub's own client, which comes with the engine: adapters to download; and what a base model says of itself.

It is imported late: it takes half a second, and most pods need nothing of it.
"""

import json
from pathlib import Path

from .base import Shapes, from_config, from_headers
from .hub_error import meaning
from .inspection.errors import BadModel
from .inspection.folder import tensors_of
from .lora import AdapterReason
from .preflight import AdapterRefused
from .source import DownloadReason

ADAPTER_FILES = ["adapter_config.json", "adapter_model.*"]
_REASONS = {
    DownloadReason.ACCESS_DENIED: AdapterReason.ACCESS_DENIED,
    DownloadReason.NOT_FOUND: AdapterReason.NOT_FOUND,
    DownloadReason.FAILED: AdapterReason.DOWNLOAD_FAILED,
}


def download(repository: str, revision: str | None, token: str | None) -> Path:
    """An adapter's folder in the cache, fetched if need be. Raises ``AdapterRefused``."""
    from huggingface_hub import snapshot_download, utils  # noqa: PLC0415 because of the module's docstring

    utils.disable_progress_bars()
    try:
        return Path(snapshot_download(repository, revision=revision, token=token, allow_patterns=ADAPTER_FILES))
    except Exception as error:
        refusal = meaning(repository, revision, error)
        raise AdapterRefused(_REASONS[refusal.reason], str(refusal)) from error


def shapes(folder: Path) -> Shapes:
    """What a model's folder says of its weights; nothing where that cannot be read.

    From ``config.json`` as far as it tells, and from every safetensors file, which knows better.
    """
    found: dict[str, tuple[int, int]] = {}
    try:
        found.update(from_config(json.loads((folder / "config.json").read_bytes())))
    except (OSError, ValueError, AttributeError, RecursionError):
        found = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            found.update(from_headers(tensors_of(path)))
        except (OSError, BadModel):
            continue
    return found
