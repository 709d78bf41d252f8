"""The folder that checkpoints are made in: what is whole stands in place, what is not stands beside it.

``OUT/fp8`` appears by a rename once it is whole. ``OUT/.llmfleet`` holds the lock, what is being made, and what was
observed, so that a run that was cut goes on where it was.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llmfleet_runtime.sources.cache import locked

from .evaluation import Observed

RECORD = "llmfleet-quantized.json"
"""In each checkpoint: what it was made of, and how."""
SAMPLE_BYTES = 2**20
READABLE = 0o644
"""Of every file: safetensors writes for its own user alone, and the pods that serve it may run as another."""

Finish = Callable[[Mapping[str, Any]], None]


class Occupied(Exception):
    """The folder cannot be used; the text says why and what to do."""


def key(*parts: object) -> str:
    """A name for what is the same as long as all of these are."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:20]


def fingerprint(folder: Path) -> str:
    """Of a model's files: their names, sizes, and first and last mebibyte. Raises ``OSError``."""
    found = hashlib.sha256()
    for path in sorted(each for each in folder.iterdir() if each.is_file()):
        size = path.stat().st_size
        found.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            found.update(file.read(SAMPLE_BYTES))
            file.seek(max(0, size - SAMPLE_BYTES))
            found.update(file.read())
    return found.hexdigest()[:20]


def size(folder: Path) -> int:
    """Bytes of all files of a checkpoint."""
    return sum(each.stat().st_size for each in folder.iterdir() if each.is_file() and each.name != RECORD)


class Store:
    """One folder of checkpoints; used by one run at a time."""

    def __init__(self, out: Path) -> None:
        """``out`` is made when it is used."""
        self._out, self._inner = out, out / ".llmfleet"

    @contextmanager
    def held(self, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Keep other runs out; ``waiting`` is called every second in which one is in.

        Raises ``OSError``, and ``Occupied`` instead of waiting where nothing is to be called.
        """
        with locked(self._inner / "lock", waiting or self._refuse):
            yield

    def _refuse(self) -> None:
        raise Occupied(f"another run is making checkpoints in {self._out}; wait for it, or take another --out")

    def place(self, method: str) -> Path:
        """Where the checkpoint of a method stands once it is whole."""
        return self._out / method.lower()

    def made(self, method: str, identity: str) -> Mapping[str, Any] | None:
        """The record of a checkpoint that stands there; None when it is still to be made. Raises ``Occupied``."""
        place = self.place(method)
        if not place.exists():
            return None
        try:
            record = json.loads((place / RECORD).read_text())
        except (OSError, ValueError):
            record = {}
        if not isinstance(record, dict) or record.get("identity") != identity:
            raise Occupied(
                f"{place} holds something else (another model, text or setting); remove it, or take another --out"
            )
        return record

    @contextmanager
    def making(self, method: str) -> Iterator[tuple[Path, Finish]]:
        """An empty folder to write to, and what makes it the checkpoint with its record."""
        partial = self._inner / f"{method.lower()}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()

        def finish(record: Mapping[str, Any]) -> None:
            (partial / RECORD).write_text(json.dumps(record, indent=1) + "\n")
            for each in partial.iterdir():
                each.chmod(READABLE)
                _sync(each)
            _sync(partial)
            partial.rename(self.place(method))
            _sync(self._out)

        try:
            yield partial, finish
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def observed(self, name: str) -> Observed | None:
        """What was kept under this name."""
        try:
            return Observed.model_validate_json((self._inner / f"{name}.json").read_text())
        except (OSError, ValidationError):
            return None

    def keep(self, name: str, observed: Observed) -> None:
        """Write it whole or not at all."""
        partial = self._inner / f"{name}.partial"
        partial.write_text(observed.to_json())
        partial.rename(partial.with_suffix(".json"))


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
