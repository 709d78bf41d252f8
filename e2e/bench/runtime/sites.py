"""Servers that a bench downloads from: a web server that sends parts, a hub, moto's S3, and a registry."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from aiohttp import web

from e2e.bench.port import free_port
from e2e.engine import install, registry, servers

ROOT = Path(__file__).resolve().parents[3]
KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_REGION": "eu-west-1"}
WAIT_SECONDS = 60.0


@contextlib.contextmanager
def web_site(folder: Path) -> Iterator[str]:
    """A process of its own over a folder; yields the address."""
    with _over("e2e.bench.runtime.sites", folder) as address:
        yield address


@contextlib.contextmanager
def hub(folder: Path) -> Iterator[str]:
    """The same, with the folder as the one repository of a hub."""
    with _over("e2e.bench.runtime.hub", folder) as address:
        yield address


@contextlib.contextmanager
def _over(module: str, folder: Path) -> Iterator[str]:
    port = free_port()
    with _process((sys.executable, "-m", module, str(folder), str(port)), {}, port) as address:
        yield address


@contextlib.contextmanager
def object_store() -> Iterator[str]:
    """Moto's server; yields the address."""
    port = free_port()
    command = (str(install() / "bin" / "python"), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    with _process(command, {"PYTHONPATH": str(servers())}, port) as address:
        yield address


@contextlib.contextmanager
def image_registry(folder: Path) -> Iterator[str]:
    """Go-containerregistry's over a folder; yields HOST:PORT."""
    port = free_port()
    folder.mkdir()
    with _process((str(registry()), f"127.0.0.1:{port}", str(folder)), {}, port) as address:
        yield address.removeprefix("http://")


def put(store: str, bucket: str, folder: Path) -> None:
    """A bucket with a folder's files below the folder's name."""
    _send(f"{store}/{bucket}", b"")
    for path in sorted(folder.iterdir()):
        _send(f"{store}/{bucket}/{folder.name}/{path.name}", path.read_bytes())


def _send(url: str, body: bytes) -> None:
    headers = {"Content-Type": "binary/octet-stream", "Authorization": "none of moto's concern"}
    request = urllib.request.Request(url, body, headers, method="PUT")  # noqa: S310 because it is our own server
    urllib.request.urlopen(request, timeout=60).close()  # noqa: S310 because of the same


@contextlib.contextmanager
def _process(command: tuple[str, ...], variables: dict[str, str], port: int) -> Iterator[str]:
    environment = {**os.environ, **variables}
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(command)} does not listen")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    """Serve a folder on a port until the end."""
    app = web.Application()
    app.router.add_static("/", sys.argv[1])
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[2]), access_log=None, loop=asyncio.new_event_loop())


if __name__ == "__main__":
    main()
