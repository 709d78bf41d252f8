"""A server's side of ASGI, for tests of the guard: one request at a time, its answer as values."""

import asyncio
from dataclasses import dataclass, field

LOOPBACK = ("127.0.0.1", 40000)
ELSEWHERE = ("198.18.0.9", 40000)
TOKEN = b"secret"


@dataclass
class Exchange:
    """What came back; ``gone`` makes the client disconnect."""

    messages: list = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def status(self):
        return self.messages[0]["status"] if self.messages else None

    @property
    def headers(self):
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.messages[1:])


def scope(path, *, method="GET", client=ELSEWHERE, headers=(), kind="http"):
    return {"type": kind, "path": path, "method": method, "client": client, "headers": list(headers)}


async def ask(app, path, *, body=b"", exchange=None, **changes):
    """Send one whole request and wait for the app to return."""
    exchange = exchange or Exchange()
    inbox = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        if inbox:
            return inbox.pop()
        await exchange.gone.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        exchange.messages.append(message)

    await app(scope(path, **changes), receive, send)
    return exchange


class App:
    """An engine: every path is answered in two parts, the second when ``gate`` opens."""

    def __init__(self):
        self.gate = asyncio.Event()
        self.gate.set()
        self.paths = []
        self.error = None

    async def __call__(self, scope, receive, send):
        self.paths.append(scope["path"])
        if scope["type"] != "http":
            return
        headers = [(b"content-type", b"text/plain"), (b"Connection", b"keep-alive")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        await self._wait(receive)
        if self.error:
            raise self.error
        await send({"type": "http.response.body", "body": b"two"})

    async def _wait(self, receive):
        """As Starlette does: a disconnect ends the answer."""
        open_gate = asyncio.create_task(self.gate.wait())
        gone = asyncio.create_task(self._gone(receive))
        await asyncio.wait({open_gate, gone}, return_when=asyncio.FIRST_COMPLETED)
        left = gone.done() and not open_gate.done()
        for task in (open_gate, gone):
            task.cancel()
        if left:
            self.error = asyncio.CancelledError()

    @staticmethod
    async def _gone(receive):
        while (await receive())["type"] != "http.disconnect":
            pass
