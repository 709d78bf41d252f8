"""A TLS reverse proxy between the operator and the API server that fails as told; it runs in a thread of its own."""

import asyncio
import json
import socket
import ssl
import threading
import time
import weakref
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml
from aiohttp import web
from yarl import URL

from tests.faults.rules import Armed, Call, Delay, Drop, Effect, Fault, Refuse, Replay, Request, parse
from tests.faults.streams import Stream

HOP_BY_HOP = {"host", "connection", "transfer-encoding", "content-length", "accept-encoding", "content-encoding"}
REASONS = {403: "Forbidden", 409: "Conflict", 410: "Expired", 422: "Invalid", 429: "TooManyRequests"}
LARGEST_BODY = 64 * 2**20
LONGEST_LINE = 8 * 2**20
TLS_GOODBYE_SECONDS = 0.05
"""aiohttp closes TLS connections in the background."""
LONGEST_GOODBYE_SECONDS = 5.0
"""A busy server takes its time."""


class _Listener(socket.socket):
    """On the loopback; of what it accepts, aiohttp does not know a connection whose TLS is not up yet."""

    def __init__(self, accepted: weakref.WeakSet[socket.socket]) -> None:
        super().__init__()
        self._accepted = accepted
        self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.bind(("127.0.0.1", 0))

    def accept(self) -> tuple[socket.socket, Any]:
        made, address = super().accept()
        self._accepted.add(made)
        return made, address


@dataclass(frozen=True)
class Exchange:
    """One request and what became of it."""

    request: Request
    code: int
    """What the server answered, or the proxy in its place; 0 when the connection was closed before."""
    at: float
    """When the request came, by the monotonic clock."""
    body: Any
    forwarded: bool
    """Whether the server got it."""


class Proxy:
    """Listens on the loopback from ``with`` to its end. ``arm`` replaces the rules at any time, from any thread."""

    def __init__(self, upstream: str, authority: Path, pki: Path) -> None:
        """``upstream`` is the server's base URL, ``authority`` the certificate it is known by; ``pki`` is ours."""
        self._upstream, self._pki = upstream.rstrip("/"), pki
        self._trust = ssl.create_default_context(cafile=str(authority))
        self.exchanges: list[Exchange] = []
        self.port = 0
        self._armed = Armed()
        self._streams: set[Stream] = set()
        self._sockets = weakref.WeakSet[socket.socket]()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the proxy did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and cut what is open; a second time does nothing."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    def arm(self, *faults: Fault) -> None:
        """Let exactly these rules stand; their counts begin at zero."""
        self._armed = Armed(faults)
        self._loop.call_soon_threadsafe(self._tell_streams)

    def struck(self, fault: Fault) -> int:
        """How often a standing rule has struck."""
        return self._armed.struck(fault)

    def kubeconfig(self, original: Path, path: Path) -> Path:
        """A copy of a kubeconfig that leads through the proxy."""
        document = yaml.safe_load(original.read_text(encoding="utf-8"))
        trusted = {"server": f"https://127.0.0.1:{self.port}", "certificate-authority": str(self._pki / "ca.crt")}
        document["clusters"][0]["cluster"] = trusted
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    def _tell_streams(self) -> None:
        for stream in self._streams:
            stream.ask()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        connector = aiohttp.TCPConnector(ssl=self._trust, limit=0, socket_factory=self._socket)
        timeout = aiohttp.ClientTimeout(total=None)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, read_bufsize=LONGEST_LINE)
        async with self._session:
            app = web.Application(client_max_size=LARGEST_BODY)
            app.router.add_route("*", "/{path:.*}", self._handle)
            # A cancelled handler lets the server's side of a watch go with the client's.
            runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
            await runner.setup()
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self._pki / "apiserver.crt", self._pki / "apiserver.key")
            await web.SockSite(runner, _Listener(self._sockets), ssl_context=context).start()
            self.port = runner.addresses[0][1]
            self._ready.set()
            await self._stop.wait()
            await runner.cleanup()
        await self._goodbyes()

    async def _goodbyes(self) -> None:
        """Until no connection is open on either side, or for as long as it is worth."""
        end = time.monotonic() + LONGEST_GOODBYE_SECONDS
        await asyncio.sleep(TLS_GOODBYE_SECONDS)
        # A socket that closes tells nobody.
        while any(each.fileno() >= 0 for each in self._sockets) and time.monotonic() < end:  # noqa: ASYNC110 because of it
            await asyncio.sleep(TLS_GOODBYE_SECONDS)

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        made = socket.socket(*address[:3])
        self._sockets.add(made)
        return made

    async def _handle(self, incoming: web.Request) -> web.StreamResponse:
        at, body, armed = time.monotonic(), await incoming.read(), self._armed
        content = _json(body)
        request = parse(incoming.method, incoming.path, incoming.query, content)
        effects = armed.strike(request)
        await asyncio.sleep(sum(each.seconds for each in effects if isinstance(each, Delay)))
        effect = next((each for each in effects if not isinstance(each, Delay)), None)
        response = _instead(request, effect)
        if response is None and request.verb == "watch":
            return await self._watch(incoming, request, armed, effects)
        forwarded = response is None
        if response is None:
            response = await self._forward(incoming, body)
        is_cut = isinstance(effect, Drop | Call)
        code = 0 if is_cut and not forwarded else response.status
        self.exchanges.append(Exchange(request, code, at, content if request.is_write else None, forwarded))
        if is_cut:
            _cut(incoming, effect)
        return response

    async def _forward(self, incoming: web.Request, body: bytes) -> web.Response:
        async with self._ask(incoming, body) as answer:
            text = await answer.read()
            return web.Response(status=answer.status, body=text, headers=_end_to_end(answer.headers))

    async def _watch(
        self, incoming: web.Request, request: Request, armed: Armed, effects: tuple[Effect, ...]
    ) -> web.StreamResponse:
        at = time.monotonic()
        async with self._ask(incoming, b"") as answer:
            self.exchanges.append(Exchange(request, answer.status, at, None, forwarded=True))
            if answer.status != HTTPStatus.OK:
                return web.Response(status=answer.status, body=await answer.read(), headers=_end_to_end(answer.headers))
            response = web.StreamResponse(headers=_end_to_end(answer.headers))
            await response.prepare(incoming)
            stream = Stream(answer.content, response.write, lambda: self._armed.strike(request))
            self._streams.add(stream)
            if self._armed is not armed:
                stream.ask()
            try:
                await stream.relay(request.resource, effects)
            finally:
                self._streams.discard(stream)
            return response

    @asynccontextmanager
    async def _ask(self, incoming: web.Request, body: bytes) -> AsyncIterator[aiohttp.ClientResponse]:
        """The server's answer; one that is left before its end is cut, for a TLS goodbye may outlast the loop."""
        headers = _end_to_end(incoming.headers) | {"Accept-Encoding": "identity"}
        url = URL(f"{self._upstream}{incoming.raw_path}", encoded=True)
        async with self._session.request(incoming.method, url, data=body or None, headers=headers) as answer:
            try:
                yield answer
            finally:
                if answer.connection is not None and answer.connection.transport is not None:
                    answer.connection.transport.abort()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key.lower() not in HOP_BY_HOP}


def _instead(request: Request, effect: Effect | None) -> web.Response | None:
    """The proxy's own answer; None when the server is to be asked."""
    if isinstance(effect, Refuse):
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": effect.code}
        words = {"reason": REASONS.get(effect.code, "InternalError"), "message": f"injected {effect.code}"}
        headers = {} if effect.retry_after is None else {"Retry-After": str(effect.retry_after)}
        return web.json_response(status | words, status=effect.code, headers=headers)
    if isinstance(effect, Replay) and request.verb == "list":
        return web.json_response(effect.snapshot[request.resource])
    if isinstance(effect, Drop | Call) and not effect.forwarded:
        return web.Response()
    return None


def _cut(incoming: web.Request, effect: Effect | None) -> None:
    if isinstance(effect, Call):
        effect.what()
    if incoming.transport is not None:
        incoming.transport.abort()
