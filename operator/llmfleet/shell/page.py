"""One page of one pod: a GET that is cheap enough for thousands of pods every few seconds.

HTTP/1.0, where the server closes at the page's end: no connection is kept, no redirect followed, and nothing but the
page is read. A client library takes more than twice as long for the same.
"""

import asyncio
from typing import cast

LARGEST_PAGE_BYTES = 65_536
_OK = (b"HTTP/1.0 200", b"HTTP/1.1 200")


async def page(host: str, port: int, path: str, seconds: float) -> bytes | None:
    """The body; None for another status, none at all, or one that is too long. TimeoutError when it takes longer."""
    loop = asyncio.get_running_loop()
    shown = f"[{host}]" if ":" in host else host
    request = f"GET {path} HTTP/1.0\r\nHost: {shown}:{port}\r\nAccept: application/json\r\n\r\n".encode()
    ended: asyncio.Future[bytes | None] = loop.create_future()
    async with asyncio.timeout(seconds):
        try:
            transport, _ = await loop.create_connection(lambda: _Answer(request, ended), host, port)
        except OSError:
            return None
        try:
            return _body(await ended)
        finally:
            transport.abort()


class _Answer(asyncio.Protocol):
    """Collects what comes until the server closes, up to the limit."""

    def __init__(self, request: bytes, ended: "asyncio.Future[bytes | None]") -> None:
        self._request, self._ended = request, ended
        self._read = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.WriteTransport", transport).write(self._request)  # uvloop's has no base class of asyncio's

    def data_received(self, data: bytes) -> None:
        self._read += data
        if len(self._read) > LARGEST_PAGE_BYTES:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(None if exc else bytes(self._read))

    def _end(self, answer: bytes | None) -> None:
        if not self._ended.done():
            self._ended.set_result(answer)


def _body(answer: bytes | None) -> bytes | None:
    if answer is None or not answer.startswith(_OK):
        return None
    return answer.partition(b"\r\n\r\n")[2]
