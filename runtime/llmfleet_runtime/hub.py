"""The hub's own client, which comes with the engine: adapters to download; and what a base model says of itself.

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
