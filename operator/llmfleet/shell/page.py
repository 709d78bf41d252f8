"""Pages of pods: GETs that are cheap enough for thousands of pods every few seconds.

HTTP/1.0, where an answer ends with its length or with the connection; one that the server offers to keep is used for
the next page of the same pod, which saves the operator a third of a look, and its node a tracked connection for each
page. No redirect is followed, and nothing but the page is read. A client library takes more than twice as long.
"""

import asyncio
from collections import OrderedDict
from typing import cast

from llmfleet.shell import process

LARGEST_PAGE_BYTES = 65_536
KEPT_SECONDS = 70.0
"""A connection that rested for longer is not used again: the pods' server ends it after 75 s."""
_OK = (b"HTTP/1.0 200", b"HTTP/1.1 200")
_HEAD_END = b"\r\n\r\n"


class Pages:
    """Asks pods, and keeps one connection to each while it is asked regularly."""

    def __init__(self, port: int) -> None:
        """Pods all listen on ``port``."""
        self._port, self._most = port, process.connections()
        self._kept: OrderedDict[str, tuple[float, _Line]] = OrderedDict()
        """By address, each with when it was used last, longest ago first."""

    async def get(self, host: str, path: str, seconds: float) -> bytes | None:
        """The body; None for another status, none at all, or one too long. TimeoutError when it takes longer."""
        shown = f"[{host}]" if ":" in host else host
        request = (
            f"GET {path} HTTP/1.0\r\nHost: {shown}:{self._port}\r\nConnection: keep-alive\r\n"
            f"Accept: application/json\r\n\r\n"
        ).encode()
        async with asyncio.timeout(seconds):
            kept = self._taken(host)
            answer = await self._asked(host, kept, request) if kept else None
            if not answer:  # the server may have ended what was kept while nobody looked
                made = await self._made(host)
                answer = await self._asked(host, made, request) if made else None
        return _body(answer)

    def close(self) -> None:
        """End what is kept."""
        while self._kept:
            self._kept.popitem()[1][1].abort()

    async def _made(self, host: str) -> "_Line | None":
        try:
            _, line = await asyncio.get_running_loop().create_connection(_Line, host, self._port)
        except OSError:
            return None
        return line

    async def _asked(self, host: str, line: "_Line", request: bytes) -> bytes | None:
        """One answer, whole; the line is kept where it may be, and ended in any other case."""
        try:
            answer = await line.ask(request)
        except BaseException:
            line.abort()
            raise
        if line.may_be_kept and host not in self._kept and len(self._kept) < self._most:
            self._kept[host] = asyncio.get_running_loop().time(), line
        else:
            line.abort()
        return answer

    def _taken(self, host: str) -> "_Line | None":
        """The line kept to a pod, if it is fresh; those of pods that nobody asks any more end here."""
        oldest = asyncio.get_running_loop().time() - KEPT_SECONDS
        while self._kept and next(iter(self._kept.values()))[0] < oldest:
            self._kept.popitem(last=False)[1][1].abort()
        _, line = self._kept.pop(host, (0.0, None))
        if line and not line.may_be_kept:
            line.abort()
            return None
        return line


class _Line(asyncio.Protocol):
    """One connection, one question at a time. Collects an answer up to its end or the limit."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[bytes | None] | None = None
        self._read = bytearray()
        self._length = 0
        """Bytes of the whole answer; 0 before its head has come, and where only the connection's end ends it."""
        self.may_be_kept = False

    async def ask(self, request: bytes) -> bytes | None:
        """The raw answer; empty when the server has ended the connection before it."""
        self._answer = asyncio.get_running_loop().create_future()
        self._read.clear()
        self._length, self.may_be_kept = 0, False
        self._transport.write(request)
        return await self._answer

    def abort(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's has no base class of asyncio's

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():  # nobody asked
            self.may_be_kept = False
            return
        self._read += data
        if not self._length and (head := self._read.find(_HEAD_END)) >= 0:
            self._length, is_kept = _framing(bytes(self._read[: head + 2]).lower(), head + len(_HEAD_END))
            self.may_be_kept = is_kept and len(self._read) <= self._length
        if max(len(self._read), self._length) > LARGEST_PAGE_BYTES:
            self._end(None)
        elif 0 < self._length <= len(self._read):
            self._end(bytes(self._read[: self._length]))

    def connection_lost(self, exc: Exception | None) -> None:
        self.may_be_kept = False
        self._end(bytes(self._read) if exc is None and not self._length else None)

    def _end(self, answer: bytes | None) -> None:
        if answer is None:
            self.may_be_kept = False
        if self._answer and not self._answer.done():
            self._answer.set_result(answer)


def _framing(head: bytes, begins: int) -> tuple[int, bool]:
    """Length of an answer with this head, in lower case, whose body begins there; whether the connection stays."""
    _, named, rest = head.partition(b"\r\ncontent-length:")
    length = rest.partition(b"\r\n")[0].strip()
    if not named or not length.isdigit():
        return 0, False
    return begins + int(length), b"\r\nconnection: keep-alive\r\n" in head


def _body(answer: bytes | None) -> bytes | None:
    if answer is None or not answer.startswith(_OK):
        return None
    return answer.partition(_HEAD_END)[2]
