"""What a pod that kwok plays lacks: somebody who answers at its address."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from llmfleet_runtime.contract import LOAD_PATH, STATUS_PATH, STATUS_PORT, Document, LoadReport, Phase, RuntimeStatus

STARTED = time.time()
Pages = Mapping[str, Callable[[], Document]]
"""What is at each path."""


class PlayedPod(ThreadingHTTPServer):
    """Pages at a pod's address; ``spoil`` makes other bytes of each, or none."""

    def __init__(self, address: str, pages: Pages) -> None:
        super().__init__((address, STATUS_PORT), _Answer)
        self.pages = pages
        self.spoil: Callable[[bytes], bytes | None] = lambda page: page


class _Answer(BaseHTTPRequestHandler):
    server: PlayedPod

    def do_GET(self) -> None:
        if self.path not in self.server.pages:
            return self.send_error(404)
        page = self.server.spoil(self.server.pages[self.path]().to_json().encode())
        if page is None:
            self.close_connection = True
            return None
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
        return None

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def answers_at(address: str, pages: Pages) -> Iterator[PlayedPod]:
    """Answer at an address, which this machine has meanwhile."""
    subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)
    try:
        with PlayedPod(address, pages) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield server
            finally:
                server.shutdown()
    finally:
        subprocess.run(["ip", "address", "delete", f"{address}/32", "dev", "lo"], check=True)


def load(in_flight: int = 0, idle_seconds: float = 0.0) -> LoadReport:
    """``/load`` of an engine that has so many requests."""
    return LoadReport(started=STARTED, in_flight=in_flight, idle_seconds=idle_seconds, running=in_flight, waiting=0)


def idle_pod() -> Pages:
    """Nobody has ever asked it anything; it says its load and nothing else."""
    return {LOAD_PATH: lambda: load(idle_seconds=time.time() - STARTED)}


def busy_pod(in_flight: int) -> Pages:
    """A pod of a fleet's first live document that has so many requests, and had some just now.

    Kwok gives the address of a pod that left to the next one, of any fleet: what is answered there must not let
    another test's fleet believe that it rests.
    """
    status = RuntimeStatus(phase=Phase.READY, since=STARTED, live_number=1)
    return {STATUS_PATH: lambda: status, LOAD_PATH: lambda: load(in_flight)}
