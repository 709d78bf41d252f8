"""A real Prometheus that reads pages of pods which the test writes, every second."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e import prometheus
from e2e.cluster import progress
from e2e.prometheus import Server

REVISION = "0123456789"


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder with prometheus and promtool."""
    return prometheus.install(progress.choose())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Pods:
    """Metrics pages by name of pod; one without a page answers 503."""

    pages: dict[str, str] = field(default_factory=dict)
    port: int = 0

    def scraped(self) -> dict[str, Any]:
        """Prometheus' configuration of reading them, with the labels that a PodMonitor gives."""
        targets = [
            {
                "targets": [f"127.0.0.1:{self.port}"],
                "labels": {
                    "namespace": "team-a",
                    "name": name.rsplit("-", 2)[0],
                    "pod": name,
                    "__metrics_path__": f"/{name}",
                },
            }
            for name in self.pages
        ]
        return {"job_name": "pods", "static_configs": targets}


@contextmanager
def printed() -> Iterator[Pods]:
    """Pods whose pages are what the test puts there."""
    made = Pods()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = made.pages.get(self.path.strip("/"), "")
            self.send_response(200 if page else 503)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def configured(folder: Path, *scrapes: dict[str, Any], rules: tuple[Path, ...] = ()) -> Path:
    """The configuration of a server that reads every second."""
    path = folder / "prometheus.yml"
    document = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": list(map(str, rules)),
        "scrape_configs": list(scrapes),
    }
    path.write_text(yaml.safe_dump(document))
    return path


Start = Callable[..., Server]


@pytest.fixture
def start(programs: Path, tmp_path: Path) -> Iterator[Start]:
    """Start a server with this configuration and flags. It finds its first targets after five seconds."""
    with ExitStack() as stack:
        yield lambda config, *flags: stack.enter_context(prometheus.serving(programs, config, free_port(), *flags))
