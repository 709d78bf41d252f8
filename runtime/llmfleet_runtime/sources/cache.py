"""The folder that downloads are kept in, which many pods may share: one downloads, and what is there is whole.

::

    models/<key>/lock            held by the one that downloads
    models/<key>/.<commit>       what is not whole yet
    models/<key>/<commit>/       a model; appears at once, by a rename
    models/<key>/latest          the commit that was last found at the source
"""

import errno
import fcntl
import hashlib
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from llmfleet_runtime.source import DownloadReason, SourceRefused

from .exchange import Request

FOLDER = "models"
LATEST = "latest"
LOCK_POLL_SECONDS = 1.0
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""How the kernel says that no more fits."""
SPARE_BYTES = 16 * 2**20
"""Left free beside the model: directories, the journal, compiled kernels."""


class Shelf:
    """All versions of what one request asks for."""

    def __init__(self, request: Request) -> None:
        """Touches nothing."""
        asked = (request.uri, request.revision, request.files.to_json(), request.sha256)
        key = hashlib.sha256(repr(asked).encode()).hexdigest()[:16]
        self.folder = Path(request.cache) / FOLDER / key

    def place(self, commit: str) -> Path:
        """Where a version is, or will be."""
        return self.folder / _named(commit)

    def staging(self, commit: str) -> Path:
        """Where it grows. What is left of other versions is removed, since one download runs at a time."""
        staging = self.folder / f".{_named(commit)}"
        for unfinished in self.folder.glob(".*"):
            if unfinished != staging:
                shutil.rmtree(unfinished, ignore_errors=True)
        staging.mkdir(parents=True, exist_ok=True)
        return staging

    def latest(self) -> str | None:
        """The commit that was fetched last; None before any was."""
        try:
            return (self.folder / LATEST).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def publish(self, commit: str) -> None:
        """Make a staged version appear, once it is whole."""
        self.staging(commit).rename(self.place(commit))

    def point(self, commit: str) -> None:
        """Remember which version the source showed, while other pods do the same. A read-only cache stays as it is."""
        if self.latest() == commit:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        # Not the process's number: pods count their processes each from one, and may do the same at the same time.
        new = self.folder / f"{LATEST}.{secrets.token_hex(4)}"
        with suppress(PermissionError):
            new.write_text(commit, encoding="utf-8")
            new.replace(self.folder / LATEST)


def _named(commit: str) -> str:
    return commit.replace(":", "-")


@contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the file; ``waiting`` is called every second in which another process does. Its death frees it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waiting()
                time.sleep(LOCK_POLL_SECONDS)
        yield


def need_room(folder: Path, needed: int) -> None:
    """Raises ``SourceRefused`` when the disk under the folder has not so many bytes free."""
    free = shutil.disk_usage(folder).free
    if needed + SPARE_BYTES > free:
        words = f"the model needs {_shown(needed)} more in the cache, which has {_shown(free)} free"
        raise SourceRefused(DownloadReason.DISK_FULL, words)


def _shown(size: int) -> str:
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 // 10 else f"{size / 2**20:.1f} MiB"
