"""What a pod that kwok plays lacks: somebody who answers at its address."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from llmfleet_runtime.contract import LOAD_PATH, STATUS_PORT

IDLE_SINCE = time.time()


class IdlePage(BaseHTTPRequestHandler):
    """``/load`` of an engine that nobody asks anything."""

    def do_GET(self) -> None:
        if self.path != LOAD_PATH:
            return self.send_error(404)
        load = {"version": 1, "started": IDLE_SINCE, "inFlight": 0, "running": 0, "waiting": 0}
        page = json.dumps({**load, "idleSeconds": time.time() - IDLE_SINCE}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
        return None

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def idle_at(address: str) -> Iterator[None]:
    """Answer as an idle pod at an address, which this machine has meanwhile."""
    subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)
    try:
        server = ThreadingHTTPServer((address, STATUS_PORT), IdlePage)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
    finally:
        subprocess.run(["ip", "address", "delete", f"{address}/32", "dev", "lo"], check=True)
