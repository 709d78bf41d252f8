"""A tar file on the web, by requests; what it must be is known beforehand by its sha256."""

from collections.abc import Iterator

import requests

from llmfleet_runtime.source import DownloadReason, SourceRefused

from .answer import good, pieces
from .store import File, Interrupted, Listing, Store

TIMEOUT_SECONDS = (10, 30)
"""To connect, and between two pieces."""
CONNECTIONS = 16


class WebStore(Store):
    """One archive."""

    def __init__(self, uri: str, sha256: str) -> None:
        """``sha256`` in hex digits."""
        self._uri = uri
        self.pinned: str | None = sha256
        self._session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def listing(self) -> Listing:
        """The archive's size, and whether the server sends parts of it."""
        try:
            with self._get(0, 1) as answer:
                is_ranged = answer.status_code == requests.codes.partial_content
                told = answer.headers.get("Content-Range", "").rpartition("/")[2]
                size = told if is_ranged else answer.headers.get("Content-Length", "")
        except Interrupted as error:
            raise SourceRefused(DownloadReason.FAILED, str(error)) from error
        if not size.isdigit():
            raise SourceRefused(DownloadReason.FAILED, f"{self._uri}: the server does not say how large it is")
        name = self._uri.rpartition("/")[2]
        archive = File(name, int(size), f"sha256:{self.pinned}", is_archive=True, is_ranged=is_ranged)
        return Listing(str(self.pinned), (archive,))

    def stream(self, file: File, start: int, end: int) -> Iterator[bytes]:
        """See ``Store``."""
        with self._get(start, end) as answer:
            is_part = answer.status_code == requests.codes.partial_content
            if file.is_ranged and not is_part:
                raise Interrupted(f"{self._uri}: the server no longer sends parts")
            skipped = 0 if is_part else start
            yield from pieces(answer, self._uri, skipped)

    def _get(self, start: int, end: int) -> requests.Response:
        # As it is: a packed answer has other bytes than the archive.
        headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        try:
            answer = self._session.get(self._uri, headers=headers, stream=True, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise Interrupted(f"{self._uri}: {error}") from error
        return good(answer, self._uri)
