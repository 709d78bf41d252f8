"""The hub's own client, which comes with the engine: adapters to download, and the base model that the engine has.

It is imported late: it takes half a second, and most pods need nothing of it.
"""

import json
import re
from pathlib import Path

from .base import Shapes, from_config, from_headers
from .inspection.errors import BadModel
from .inspection.folder import tensors_of
from .lora import AdapterReason
from .preflight import AdapterRefused

ADAPTER_FILES = ["adapter_config.json", "adapter_model.*"]
REQUEST_ID = re.compile(r" *\(Request ID:[^)]*\)")
"""Another one for each attempt, and so a change of the status without a meaning."""


def download(repository: str, revision: str | None, token: str | None) -> Path:
    """An adapter's folder in the cache, fetched if need be. Raises ``AdapterRefused``."""
    from huggingface_hub import errors, snapshot_download, utils  # noqa: PLC0415 because of the module's docstring

    utils.disable_progress_bars()
    try:
        return Path(snapshot_download(repository, revision=revision, token=token, allow_patterns=ADAPTER_FILES))
    except errors.GatedRepoError as error:
        raise AdapterRefused(AdapterReason.ACCESS_DENIED, f"the hub refuses access to {repository}") from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        words = f"the hub knows no {repository}, or does not show it to this token"
        raise AdapterRefused(AdapterReason.NOT_FOUND, words) from error
    except errors.RevisionNotFoundError as error:
        raise AdapterRefused(AdapterReason.NOT_FOUND, f"{repository} has no revision {revision}") from error
    except (OSError, ValueError) as error:
        words = " ".join(REQUEST_ID.sub("", str(error)).split())
        raise AdapterRefused(AdapterReason.DOWNLOAD_FAILED, f"{repository}: {words}") from error


def base_shapes(model: str, revision: str | None) -> Shapes:
    """What the folder or the cached repository says of the engine's weights; nothing where that cannot be read."""
    folder = Path(model) if Path(model).is_dir() else _cached(model, revision)
    return shapes(folder) if folder else {}


def shapes(folder: Path) -> Shapes:
    """From ``config.json`` as far as it tells, and from every safetensors file, which knows better."""
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


def _cached(repository: str, revision: str | None) -> Path | None:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 because of the module's docstring

    try:
        return Path(
            snapshot_download(repository, revision=revision, local_files_only=True, allow_patterns=["config.json"])
        )
    except (OSError, ValueError):
        return None
