"""Pods on loopback in a process of their own, which answer ``/load`` promptly, not at all, or without end.

``python -m e2e.bench.decisions.pods`` prints its port and serves until its standard input closes. Pages are those of a
simulated replica under an even load, one for each second.
"""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import uvloop

from llmfleet.core.simulation import synthetic
from llmfleet.core.simulation.fleet import World
from llmfleet.core.simulation.outcome import Promise
from llmfleet.core.simulation.profile import PROFILES
from llmfleet.core.simulation.run import Page, Scene, simulate

PROMPT, SLOW, ENDLESS = "127.0.0.1", "127.0.0.2", "127.0.0.3"
"""A pod's address says how it behaves."""
SECONDS = 240.0
RATE = 1.0
"""Requests per second of each pod."""


class Recorder:
    """Holds the size of a fleet of one, and keeps what its pod prints."""

    every_seconds = 1.0

    def __init__(self) -> None:
        """Nothing kept yet."""
        self.pages: list[bytes] = []

    def size(self, pages: Sequence[Page], size: int, now: float) -> tuple[int, str]:  # noqa: ARG002 because the port says so
        """See ``run.Scaler``."""
        self.pages += [each.text.encode() for each in pages if each.text]
        return size, ""


def recorded() -> list[bytes]:
    """The page of each second."""
    chance, recorder = random.Random(1), Recorder()  # noqa: S311 because nothing is kept secret by it
    arrivals = synthetic.arrivals(lambda _: RATE, SECONDS, synthetic.CHAT, chance)
    scene = Scene(World(PROFILES["8b-a100"]), Promise(2.0, 0.1), SECONDS)
    simulate(arrivals, scene, recorder, chance)
    return recorder.pages


class Pod(asyncio.Protocol):
    """Answers whatever it is asked, in its address's way."""

    def __init__(self, address: str, pages: Sequence[bytes], began: float) -> None:
        """``began`` is when the first page was printed."""
        self._address, self._pages, self._began = address, pages, began
        self._transport: asyncio.Transport | None = None
        self._is_full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = transport  # type: ignore[assignment] # because TCP gives nothing else

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 because there is one page
        """See asyncio."""
        if self._transport is None or self._address == SLOW:
            return
        self._transport.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n")
        if self._address == ENDLESS:
            self.resume_writing()
            return
        second = min(int(time.monotonic() - self._began), len(self._pages) - 1)
        self._transport.write(self._pages[second])
        self._transport.close()

    def pause_writing(self) -> None:
        """See asyncio."""
        self._is_full = True

    def resume_writing(self) -> None:
        """More of what has no end, as long as it is taken."""
        self._is_full = False
        while self._transport and not self._is_full and not self._transport.is_closing():
            self._transport.write(b'{"a": "' + b"x" * 65_536)


async def serve() -> None:
    """Listen on the same port of each address until standard input closes."""
    loop, pages, began, port = asyncio.get_running_loop(), recorded(), time.monotonic(), 0
    for address in (PROMPT, SLOW, ENDLESS):
        server = await loop.create_server(partial(Pod, address, pages, began), address, port, backlog=4096)
        port = server.sockets[0].getsockname()[1]
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)


@contextmanager
def serving() -> Iterator[int]:
    """The port of all pods."""
    command = [sys.executable, "-m", "e2e.bench.decisions.pods"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes")
        yield int(process.stdout.readline())
        process.stdin.close()


if __name__ == "__main__":
    uvloop.run(serve())
