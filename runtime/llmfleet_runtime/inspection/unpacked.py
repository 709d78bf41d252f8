"""What is in plain tar files, without fetching them: a small request for each file in one."""

import io
import tarfile
from collections.abc import Iterator

from llmfleet_runtime.sources.archive import members
from llmfleet_runtime.sources.store import File, Listing, Store

from .errors import Packed
from .ranges import Ranged

BUFFER_BYTES = 64 * 2**10
"""One request's: small files that lie side by side come together."""


class Unpacked(Store):
    """A store whose archives are open. ``Store``; ``listing`` also raises ``Packed``."""

    def __init__(self, store: Store) -> None:
        """Asks nothing yet."""
        self._store, self.pinned = store, store.pinned
        self._places: dict[str, tuple[File, int]] = {}

    def listing(self) -> Listing:
        """Loose files, and those in archives by their names within; as in a download the last of a name counts."""
        listing = self._store.listing()
        found = [file for file in listing.files if not file.is_archive]
        found += [member for file in listing.files if file.is_archive for member in self._inside(file)]
        return listing.only(tuple({file.name: file for file in found}.values()))

    def stream(self, file: File, start: int, end: int) -> Iterator[bytes]:
        """See ``Store``."""
        archive, begin = self._places.get(file.name, (file, 0))
        return self._store.stream(archive, begin + start, begin + end)

    def _inside(self, file: File) -> tuple[File, ...]:
        if not file.is_ranged:
            raise Packed(f"{file.name} is an archive, and its server sends no parts")
        opened = io.BufferedReader(Ranged(self._store, file), BUFFER_BYTES)
        try:
            with tarfile.open(fileobj=opened, mode="r:") as archive:
                found = members(archive, file.root)
                for each in found:
                    self._places[each.name] = (file, _begin(archive.getmember(each.key)))
        except (tarfile.TarError, EOFError) as error:
            raise Packed(f"{file.name} is no plain tar file: nothing in it can be read alone") from error
        return found


def _begin(member: tarfile.TarInfo) -> int:
    """Where its bytes begin in the archive."""
    if member.issparse():
        raise tarfile.TarError(f"{member.name} is written with holes")
    return member.offset_data
