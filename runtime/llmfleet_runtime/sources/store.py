"""What every place that models come from has in common."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

Report = Callable[[int, int, str], None]
"""(bytes done, bytes in all, what is waited for)."""


@dataclass(frozen=True)
class File:
    """One file of a model."""

    name: str
    """Path below the model's address."""
    size: int
    digest: str | None = None
    """As ALGORITHM:HEX, where the source's listing tells it."""
    is_archive: bool = False
    """A tar file that holds files of the model."""
    root: str = ""
    """The folder of the archive that they are below, with its slash; "" for whatever is in it."""
    is_ranged: bool = True
    """Whether the source sends parts of it."""
    key: str = ""
    """What the source calls it."""


@dataclass(frozen=True)
class Listing:
    """A model as its source shows it now."""

    commit: str
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Of all files, bytes."""
        return sum(file.size for file in self.files)

    def only(self, files: tuple[File, ...]) -> "Listing":
        """The same with fewer files."""
        return replace(self, files=files)


class Interrupted(Exception):
    """The source gave less than was asked for; asking again for the rest may help. The text says why."""


class Store(Protocol):
    """One model at one place. Its methods raise ``SourceRefused``."""

    pinned: str | None
    """The commit, where the address itself says it."""

    def listing(self) -> Listing:
        """What there is; asks the source."""

    def stream(self, file: File, start: int, end: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``end`` in pieces of any size. Also raises ``Interrupted``."""

    def digest(self, file: File) -> str | None:
        """What the whole file must have, as ALGORITHM:HEX; None where the source promises nothing."""
        return file.digest


def after(pieces: Iterable[bytes], skipped: int) -> Iterator[bytes]:
    """All but the first ``skipped`` bytes, which come anew from a server without ranges."""
    for piece in pieces:
        if skipped < len(piece):
            yield piece[skipped:]
        skipped = max(0, skipped - len(piece))
