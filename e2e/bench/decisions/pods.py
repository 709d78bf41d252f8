"""Pods on loopback in a process of their own, which answer ``/load`` promptly, not at all, or without end.

``python -m e2e.bench.decisions.pods PROMPT=3 SLOW=1`` gives each pod an address, prints its port and serves until its
standard input closes. Pages are those of a simulated replica under an even load, one for each second.
"""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from functools import partial

import uvloop

from llmfleet.core.simulation import synthetic
from llmfleet.core.simulation.fleet import World
from llmfleet.core.simulation.outcome import Promise
from llmfleet.core.simulation.profile import PROFILES
from llmfleet.core.simulation.run import Page, Scene, simulate
from llmfleet.shell import process

SECONDS = 240.0
RATE = 1.0
"""Requests per second of each pod."""


class Kind(IntEnum):
    """How a pod behaves, which its address tells."""

    PROMPT = 1
    SLOW = 2
    ENDLESS = 3

    def address(self, number: int) -> str:
        """Of one of them; each has its own, as in a cluster."""
        return f"127.{self.value}.{number // 250}.{number % 250 + 1}"


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
    """Answers whatever it is asked, in its kind's way; a prompt one keeps its connections, as the pods' server does."""

    def __init__(self, kind: Kind, pages: Sequence[bytes], began: float) -> None:
        """``began`` is when the first page was printed."""
        self._kind, self._pages, self._began = kind, pages, began
        self._transport: asyncio.Transport | None = None
        self._is_full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = transport  # type: ignore[assignment] # because TCP gives nothing else

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 because there is one page
        """See asyncio."""
        if self._transport is None or self._kind is Kind.SLOW:
            return
        if self._kind is Kind.ENDLESS:
            self._transport.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n")
            self.resume_writing()
            return
        page = self._pages[min(int(time.monotonic() - self._began), len(self._pages) - 1)]
        head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(page)}\r\nConnection: keep-alive\r\n\r\n"
        self._transport.write(head.encode() + page)

    def pause_writing(self) -> None:
        """See asyncio."""
        self._is_full = True

    def resume_writing(self) -> None:
        """More of what has no end, as long as it is taken."""
        self._is_full = False
        while self._transport and not self._is_full and not self._transport.is_closing():
            self._transport.write(b'{"a": "' + b"x" * 65_536)


async def serve(counts: Mapping[Kind, int]) -> None:
    """Listen on the same port of so many addresses of each kind until standard input closes."""
    loop, pages, began, port = asyncio.get_running_loop(), recorded(), time.monotonic(), 0
    for kind, count in counts.items():
        for number in range(count):
            server = await loop.create_server(partial(Pod, kind, pages, began), kind.address(number), port)
            port = server.sockets[0].getsockname()[1]
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)


@contextmanager
def serving(counts: Mapping[Kind, int]) -> Iterator[int]:
    """The port of all pods, so many of each kind."""
    command = [
        sys.executable,
        "-m",
        "e2e.bench.decisions.pods",
        *(f"{kind.name}={count}" for kind, count in counts.items()),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        if running.stdin is None or running.stdout is None:
            raise RuntimeError("no pipes")
        yield int(running.stdout.readline())
        running.stdin.close()


if __name__ == "__main__":
    process.prepare()
    uvloop.run(serve({Kind[name]: int(count) for name, _, count in (each.partition("=") for each in sys.argv[1:])}))
