"""Where adapters' files are for the life of the pod: fetched beside, checked, then published under a path of their own.

The engine reads an adapter again whenever it has dropped it from memory, and dies when the files are gone (vLLM 0.32);
so what it was once given is never changed nor taken away.
"""

import errno
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .base import Shapes
from .inspection.errors import BadModel
from .inspection.folder import tensors_of
from .lora import Adapter, AdapterReason
from .preflight import AdapterRefused, check

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PICKLED = ("adapter_model.bin", "adapter_model.pt")
COMMIT = "commit"
"""A file of ours beside the two: the hub's commit."""
LARGEST_CONFIG_BYTES = 2**20

Download = Callable[[str, str | None], Path]
"""(hub repository, revision) -> its folder, named for the commit. Raises ``AdapterRefused``."""


class Shelf:
    """The folder of this pod's adapters. Every method may take as long as the sources do."""

    def __init__(self, folder: Path, model_folder: Path, download: Download) -> None:
        """``model_folder`` is where a ``pvc://`` address's claim is mounted."""
        self._folder = folder
        for unfinished in folder.glob(".*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        self._model_folder = model_folder
        self._download = download

    def place(self, adapter: Adapter) -> Path:
        """Where this version is, or will be."""
        return self._folder / adapter.version

    def put(self, adapter: Adapter, base: Shapes, max_rank: int) -> Path:
        """Fetch and check a version unless it is here; its folder. Raises ``AdapterRefused``."""
        place = self.place(adapter)
        if place.exists():
            return place
        staged: Path | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            staged = Path(tempfile.mkdtemp(prefix=".", dir=self._folder))
            self._fetch(adapter, staged)
            _check(staged, base, max_rank)
            if not place.exists():
                staged.rename(place)
        except OSError as error:
            raise _refusal(error) from error
        finally:
            if staged:
                shutil.rmtree(staged, ignore_errors=True)
        return place

    def commit(self, adapter: Adapter) -> str | None:
        """The hub's commit of a version that is here; None for other sources."""
        try:
            return (self.place(adapter) / COMMIT).read_text(encoding="utf-8")
        except OSError:
            return None

    def discard(self, adapter: Adapter) -> None:
        """Take a version away that the engine refused, so that the next attempt reads its source again."""
        shutil.rmtree(self.place(adapter), ignore_errors=True)

    def _fetch(self, adapter: Adapter, staged: Path) -> None:
        scheme, _, rest = adapter.uri.partition("://")
        if scheme == "hf":
            source, root = self._download(rest, adapter.revision), None
            (staged / COMMIT).write_text(source.name, encoding="utf-8")
        elif scheme == "pvc":
            source, root = self._model_folder / rest.partition("/")[2], self._model_folder
        elif scheme == "file":
            source = root = Path(rest)
        else:
            raise AdapterRefused(AdapterReason.UNSUPPORTED, f"this runtime cannot open {scheme}:// addresses")
        for name in (CONFIG, WEIGHTS):
            _copy(source, name, staged, root)


def _copy(source: Path, name: str, staged: Path, root: Path | None) -> None:
    """One file, unless a link leads out of ``root``; a hub's own cache is made of links."""
    origin = source / name
    if not origin.is_file():
        pickled = next((each for each in PICKLED if (source / each).is_file()), None)
        if name == WEIGHTS and pickled:
            raise AdapterRefused(AdapterReason.UNSUPPORTED, f"{pickled} may hold code; save it as {WEIGHTS}")
        raise AdapterRefused(AdapterReason.NOT_FOUND, f"there is no {name} at its uri")
    if root is not None and not origin.resolve().is_relative_to(root.resolve()):
        raise AdapterRefused(AdapterReason.INVALID, f"{name} is a link that leads out of the adapter's place")
    shutil.copyfile(origin, staged / name)


def _check(folder: Path, base: Shapes, max_rank: int) -> None:
    try:
        check(_config(folder / CONFIG), tensors_of(folder / WEIGHTS), base, max_rank)
    except BadModel as error:
        raise AdapterRefused(AdapterReason.INVALID, str(error)) from error
    except (TypeError, AttributeError) as error:
        raise AdapterRefused(AdapterReason.INVALID, f"{CONFIG} has a member of the wrong kind: {error}") from error


def _config(path: Path) -> dict[str, Any]:
    if path.stat().st_size > LARGEST_CONFIG_BYTES:
        raise AdapterRefused(AdapterReason.INVALID, f"{CONFIG} is larger than {LARGEST_CONFIG_BYTES} bytes")
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise AdapterRefused(AdapterReason.INVALID, f"{CONFIG} is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise AdapterRefused(AdapterReason.INVALID, f"{CONFIG} is no JSON object")
    return config


def _refusal(error: OSError) -> AdapterRefused:
    if error.errno == errno.ENOSPC:
        words = "the pod's disk is full; raise resources.requests.ephemeral-storage and its limit"
        return AdapterRefused(AdapterReason.DISK_FULL, words)
    return AdapterRefused(AdapterReason.DOWNLOAD_FAILED, f"its files cannot be read: {error.strerror or error}")
