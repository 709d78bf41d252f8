"""Parts of a file where it is: bytes from here to there, or the whole as something to seek in."""

import io
import time
from typing import Any

from llmfleet_runtime.source import DownloadReason, SourceRefused
from llmfleet_runtime.sources.fetch import PAUSE_SECONDS
from llmfleet_runtime.sources.store import File, Interrupted, Store

ATTEMPTS = 3
"""Of one read, without a byte between them."""


def read(store: Store, file: File, start: int, end: int) -> bytes:
    """The bytes from ``start`` up to ``end``, as far as the file goes. A cut connection goes on where it was."""
    wanted, data, attempts = min(end, file.size) - start, bytearray(), 0
    while len(data) < wanted:
        before, words = len(data), "the source ended early"
        try:
            for piece in store.stream(file, start + before, start + wanted):
                data += piece
                if len(data) >= wanted:  # a source that knows no ranges sends all there is
                    break
        except Interrupted as error:
            words = str(error)
        attempts = 0 if len(data) > before else attempts + 1
        if attempts >= ATTEMPTS:
            raise SourceRefused(DownloadReason.FAILED, f"{file.name}: {words}")
        time.sleep(PAUSE_SECONDS * attempts)
    return bytes(data[:wanted])


class Ranged(io.RawIOBase):
    """A file of a store, of which each read is a request of its own."""

    def __init__(self, store: Store, file: File) -> None:
        """Asks nothing yet."""
        super().__init__()
        self._store, self._file, self._at = store, file, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """The new position."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        """How many bytes came; 0 at the end. Raises ``SourceRefused``."""
        data = read(self._store, self._file, self._at, self._at + len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
