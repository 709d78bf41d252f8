"""Servers that models come from, and the process that fetches from them, as the launcher runs it."""

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import subprocess
import tarfile
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from llmfleet_runtime.sources.exchange import Request
from tests.unit.runtime.launched import RUNTIME, free_port

KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
    "AWS_REGION": "eu-west-1",
}


DOWN = "http://127.0.0.1:9"
"""Nobody listens there."""


@dataclass
class Site:
    """A web site over a folder that sends parts; /moved redirects, /gated asks for a log-in, /broken fails."""

    folder: Path
    is_ranged: bool = True
    seconds: float = 0
    """Before each answer."""
    asked: list[str] = field(default_factory=list)

    async def answer(self, request):
        place, _, name = request.path.strip("/").partition("/")
        self.asked.append(f"{request.path} {request.headers.get('Range', '')}")
        await asyncio.sleep(self.seconds)
        if place == "moved":
            raise web.HTTPFound(f"/files/{name}")
        if place == "gated":
            raise web.HTTPForbidden
        if place == "broken":
            raise web.HTTPServiceUnavailable
        path = self.folder / name
        if not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path) if self.is_ranged else web.Response(body=path.read_bytes())


@contextlib.contextmanager
def serving(site, port=None):
    """Yields the address."""
    loop, port, is_up = asyncio.new_event_loop(), port or free_port(), threading.Event()

    async def begin():
        app = web.Application()
        app.router.add_get("/{path:.*}", site.answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        is_up.set()
        return runner

    def run():
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(begin())
        loop.run_forever()
        loop.run_until_complete(runner.shutdown())
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert is_up.wait(10)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@dataclass
class S3:
    """moto's server."""

    address: str

    def put(self, bucket, folder):
        """A bucket with the files of a folder below models/tiny."""
        try:
            self._send(bucket)
        except urllib.error.HTTPError as error:  # it is there already
            error.close()
        for path in (each for each in folder.rglob("*") if each.is_file()):
            self._send(f"{bucket}/models/tiny/{path.relative_to(folder)}", path.read_bytes())

    def _send(self, path, body=b""):
        headers = {"Content-Type": "binary/octet-stream", "Authorization": "none of moto's concern"}
        request = urllib.request.Request(f"{self.address}/{path}", body, headers, method="PUT")
        urllib.request.urlopen(request, timeout=20).close()


@contextlib.contextmanager
def s3_server(python, servers, host="127.0.0.1", port=None):
    port = port or free_port()
    environment = {**os.environ, "PYTHONPATH": str(servers)}
    command = [python, "-m", "moto.server", "-H", host, "-p", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until_listening(host, port, process)
        yield S3(f"http://{host}:{port}")
    finally:
        process.terminate()
        process.wait()


@dataclass
class GoogleStorage:
    """The emulator; its log tells what it was asked."""

    address: str
    log: Path

    def put(self, bucket, folder):
        """A bucket with the files of a folder below models/tiny."""
        self._send("/storage/v1/b?project=none", json.dumps({"name": bucket}).encode(), "application/json")
        for path in (each for each in folder.rglob("*") if each.is_file()):
            name = f"models/tiny/{path.relative_to(folder)}"
            self._send(f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}", path.read_bytes())

    def asked(self):
        """The requests so far, one a line."""
        return [line for line in self.log.read_text().splitlines() if '"GET ' in line]

    def _send(self, path, body, kind="application/octet-stream"):
        request = urllib.request.Request(f"{self.address}{path}", body, {"Content-Type": kind}, method="POST")
        urllib.request.urlopen(request, timeout=20).close()


@contextlib.contextmanager
def google_server(python, servers, log):
    """Says yes to everybody, as an open bucket does."""
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(servers), "PYTHONUNBUFFERED": "1"}
    command = [python, "-m", "gcp_storage_emulator", "start", "--host=127.0.0.1", f"--port={port}", "--in-memory"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        until_listening("127.0.0.1", port, process)
        yield GoogleStorage(f"http://127.0.0.1:{port}", log)
    finally:
        process.terminate()
        process.wait()


def until_listening(host, port, process):
    deadline = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection((host, port), 1).close()
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)


@dataclass
class Fetcher:
    """Runs the downloading process over one cache."""

    python: str
    clients: Path
    cache: Path
    variables: dict = field(default_factory=dict)

    def begin(self, uri, **members):
        request = Request(**{"uri": uri, "cache": str(self.cache), **members}).to_json()
        environment = {
            **os.environ,
            "HF_HOME": f"{self.cache}/huggingface",
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.variables,
            "PYTHONPATH": os.pathsep.join(map(str, (self.clients, RUNTIME))),
        }
        command = [self.python, "-P", "-m", "llmfleet_runtime.sources", request]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    def __call__(self, uri, **members):
        """The last line: what was fetched, or why not."""
        with self.begin(uri, **members) as process:
            said = process.stdout.read().splitlines()
        assert said, process.returncode
        return json.loads(said[-1])


@contextlib.contextmanager
def disk(folder, size):
    """A disk of so many bytes there; gone after the test."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder):
    """Leave no room there; the file that takes it."""
    path = folder / "filler"
    with path.open("wb") as file:
        while free := os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize:
            with contextlib.suppress(OSError):  # somebody else took some of it meanwhile
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), free)
    return path


def packed(model, path, top="", mode="w:gz"):
    """A tar file of a folder; its sha256."""
    with tarfile.open(path, mode) as archive:
        for each in sorted(model.iterdir()):
            archive.add(each, f"{top}{each.name}")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def contents(folder):
    folder = Path(folder)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def push(address, repository, tag, layers, login=None):
    """A manifest with layers of (bytes, media type, annotations); its digest."""
    headers = {"Content-Type": "application/octet-stream"} | ({"Authorization": login} if login else {})

    def send(path, body, method, kind=headers["Content-Type"]):
        request = urllib.request.Request(f"{address}/v2/{repository}{path}", body, headers, method=method)
        request.add_header("Content-Type", kind)
        urllib.request.urlopen(request, timeout=20).close()

    described = []
    for body, kind, notes in [(b"{}", "application/vnd.oci.empty.v1+json", {}), *layers]:
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        send(f"/blobs/uploads/?digest={digest}", body, "POST")
        described.append({"mediaType": kind, "digest": digest, "size": len(body), "annotations": notes})
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": described[0], "layers": described[1:]}
    send(f"/manifests/{tag}", json.dumps(manifest).encode(), "PUT", kind)
    return f"sha256:{hashlib.sha256(json.dumps(manifest).encode()).hexdigest()}"


@contextlib.contextmanager
def registry_server(program, folder, *account):
    """Yields HOST:PORT."""
    port = free_port()
    folder.mkdir()
    command = [str(program), f"127.0.0.1:{port}", str(folder), *account]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until_listening("127.0.0.1", port, process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
