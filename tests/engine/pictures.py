"""A picture, requests that hold or name one, and a host on loopback that counts who asks it for one."""

import json
import threading
import urllib.error
import urllib.request
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PNG = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
"""One dot."""
DOT = f"data:image/png;base64,{b64encode(PNG).decode()}"
"""The dot as an address."""


@dataclass
class Host:
    """The host; ``asked`` are the paths that it was asked for."""

    port: int = 0
    asked: list[str] = field(default_factory=list)


@contextmanager
def host() -> Iterator[Host]:
    """It gives the dot for every path, but for ``/away``, which leads to the same host by another name."""
    found = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found.asked.append(self.path)
            status, body = (302, b"") if self.path == "/away" else (200, PNG)
            self.send_response(status)
            self.send_header("Location", f"http://127.0.0.1:{found.port}/dot.png")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Nothing: what was asked is in ``asked``."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


def ask(pod, path, document):
    """Status and body of an answer, a refusal's as well."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{pod.serving}{path}", json.dumps(document).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def looking(part):
    """The members of a chat's request that holds one part beside its text; an address stands for its picture."""
    part = {"type": "image_url", "image_url": {"url": part}} if isinstance(part, str) else part
    content = [part, {"type": "text", "text": "hello"}]
    return {"model": "tiny", "messages": [{"role": "user", "content": content}]}
