"""A hub of a few repositories, as far as the hub's own client asks: facts, file lists, files, and refusals.

As the real one it gives no file itself: small ones are elsewhere on the same host, and weights on another, whose signed
addresses take no token. What the client must know of the file is in the headers of the redirect.
"""

import contextlib
import hashlib
import json
import re
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN = "hf_tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


SMALL, LARGE = "api/resolve-cache/", "cdn/"
"""Where the files are."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    repositories: dict[str, Path]
    spoiled: set[str]
    """Names of files that come with another first byte than they should have."""
    asked: list[str]
    """Path and range of each request for weights."""

    def log_message(self, *_):
        """Nothing is logged."""

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.partition("?")[0].strip("/")
        if path.startswith(SMALL):
            self.send(path.removeprefix(SMALL))
        elif path.startswith(LARGE):
            self.send_large(path.removeprefix(LARGE))
        else:
            self.send_facts(path.split("/"))

    def send_facts(self, parts):
        name = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        folder = self.repositories.get(name)
        if name == "team/gated":
            self.answer(403, b"{}", {"X-Error-Code": "GatedRepo"})
        elif folder is None or (name == "team/private" and self.headers["Authorization"] != f"Bearer {TOKEN}"):
            self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif parts[0] != "api":
            self.redirect(name, folder / parts[-1])
        elif parts[4:5] == ["revision"] and parts[5] not in ("main", COMMIT):
            self.answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        elif parts[4:5] in ([], ["revision"]):
            files = [{"rfilename": each.name, **facts(each)} for each in folder.iterdir()]
            self.answer(200, json.dumps({"id": name, "sha": COMMIT, "siblings": files}).encode())
        else:
            files = [
                {"type": "file", "path": each.name, "oid": digest(each), **facts(each)} for each in folder.iterdir()
            ]
            self.answer(200, json.dumps(files).encode())

    def redirect(self, name, path):
        """To where the file is; without the ``Location`` the headers are what the client keeps."""
        place = f"{name}/{path.name}"
        if path.suffix != ".safetensors":
            return self.answer(307, b"", {"X-Repo-Commit": COMMIT, "Location": f"/{SMALL}{place}"})
        headers = {"X-Linked-Etag": f'"{digest(path)}"', "X-Linked-Size": str(path.stat().st_size)}
        port = self.headers["Host"].rpartition(":")[2]
        location = f"http://localhost:{port}/{LARGE}{place}"
        return self.answer(302, b"", {"X-Repo-Commit": COMMIT, "Location": location, **headers})

    def send_large(self, place):
        self.asked.append(f"{place} {self.headers['Range'] or ''}".strip())
        if self.headers["Authorization"]:
            return self.answer(400, b"only one way to prove who asks")
        return self.send(place)

    def send(self, place):
        name, _, file = place.rpartition("/")
        path = self.repositories[name] / file
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{digest(path)}"'}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        whole = path.read_bytes()
        if file in self.spoiled:
            whole = bytes([whole[0] ^ 1]) + whole[1:]
        if asked is None:
            return self.answer(200, whole, headers)
        return self.answer(206, whole[int(asked[1]) : int(asked[2]) + 1 if asked[2] else None], headers)

    def answer(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def facts(path):
    """Size and, of weights, the sha256: the hub keeps those apart from the small files."""
    size, is_large = path.stat().st_size, path.suffix == ".safetensors"
    lfs = {"oid": digest(path), "sha256": digest(path), "size": size, "pointerSize": 134}
    return {"size": size, "blobId": hashlib.sha1(path.name.encode()).hexdigest()} | ({"lfs": lfs} if is_large else {})


def digest(path):
    kind = hashlib.sha256 if path.suffix == ".safetensors" else hashlib.sha1
    return kind(path.read_bytes()).hexdigest()


@contextmanager
def hub(repositories, *, spoiled=frozenset(), asked=None):
    """Serve folders by repository name; yields the address. See ``Handler``."""
    members = {"repositories": repositories, "spoiled": spoiled, "asked": [] if asked is None else asked}
    handler = type("Repositories", (Handler,), members)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def dropping():
    """A hub that takes connections and ends them without a word; yields the address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def drop():
        with contextlib.suppress(OSError):
            while True:
                listener.accept()[0].close()

    threading.Thread(target=drop, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
