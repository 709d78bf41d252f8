"""The guard before an engine that has no place for it: ``python3 -m llmfleet_runtime.front HOST PORT SOCKET COMMAND…``.

Starts the engine, serves the port, and hands each request on to the engine's socket, byte for byte and as it comes. It
is the engine's process to the launcher: it ends as the engine ends, and the engine is in its process group.
"""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import aiohttp
from yarl import URL

from .body import Message, Receive
from .guard import Guard, Send
from .surface import SERVED

KEEP_ALIVE_SECONDS = 5
"""The guard counts on it: ``guard.REUSE_SECONDS``."""
MOST_AT_ONCE = 480
"""Public requests that the engine sees, fewer than it has threads, so that its own pages come; others wait here."""
HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
     b"transfer-encoding", b"upgrade")
)  # fmt: skip
"""RFC 9110, section 7.6.1: of one connection, not of the message."""
SET_ANEW = frozenset((b"host", b"content-length"))

Headers = list[tuple[bytes, bytes]]


class Relay:
    """An ASGI application that hands requests on to the engine behind ``socket``."""

    def __init__(self, socket: str) -> None:
        """Needs a running loop; nothing is connected yet."""
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(socket, limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
            trust_env=False,
        )

    async def close(self) -> None:
        """Drop what is connected."""
        await self._session.close()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer with what the engine answers; its answer is given up once the client is gone, and cut when it is."""
        body = await _body(receive)
        if body is None:
            return
        answering = asyncio.create_task(self._answer(scope, body, send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    async def _answer(self, scope: Message, body: bytes, send: Send) -> None:
        try:
            async with self._room if scope["path"] in SERVED else contextlib.nullcontext():
                await self._relay(scope, body, send)
        except aiohttp.ClientConnectorError:
            headers = [(b"content-type", b"text/plain"), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": b""})

    async def _relay(self, scope: Message, body: bytes, send: Send) -> None:
        sent = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in _passed(scope["headers"], SET_ANEW)
        ]
        asked = self._session.request(
            scope["method"], _url(scope), headers=sent, data=body or None, allow_redirects=False
        )
        async with asked as answer:
            headers = _passed(answer.raw_headers)
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            async for part in answer.content.iter_any():
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


async def _body(receive: Receive) -> bytes | None:
    """The whole of a request; None when its client left before."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _url(scope: Message) -> URL:
    path = scope.get("raw_path") or scope["path"].encode()
    query = b"?" + scope["query_string"] if scope.get("query_string") else b""
    return URL(f"http://engine{(path + query).decode('latin-1')}", encoded=True)


def _passed(headers: Headers | tuple[tuple[bytes, bytes], ...], without: frozenset[bytes] = frozenset()) -> Headers:
    """What goes on to the other side."""
    lowered = ((name.lower(), value) for name, value in headers)
    return [(name, value) for name, value in lowered if name not in HOP_BY_HOP | without]


async def run(host: str, port: int, socket: str, command: list[str]) -> int:
    """Serve until the engine has ended, or until SIGTERM; the engine's exit code, negative for a signal."""
    import uvicorn  # noqa: PLC0415 because only images of such engines bring it

    engine = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    relay = Relay(socket)
    server = uvicorn.Server(
        uvicorn.Config(
            Guard(relay), host=host, port=port, lifespan="off", log_level="warning", access_log=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS, ws="none", server_header=False,
        )
    )  # fmt: skip
    serving, ended = asyncio.create_task(server.serve()), asyncio.create_task(engine.wait())
    await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
    await relay.close()
    if ended.done():
        return ended.result()
    with contextlib.suppress(ProcessLookupError):
        engine.terminate()
    await ended
    return 0


def main() -> None:
    """End as the engine did."""
    host, port, socket, *command = sys.argv[1:]
    Path(socket).unlink(missing_ok=True)  # a container that starts again finds the last one's
    code = asyncio.run(run(host, int(port), socket, command))
    if code < 0:
        with contextlib.suppress(OSError):  # two signals have no handler
            signal.signal(-code, signal.SIG_DFL)
        signal.raise_signal(-code)
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)


if __name__ == "__main__":
    main()
