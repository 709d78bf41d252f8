"""ASGI middleware inside vLLM: public routes only, an exact in-flight count, and a polite leave.

Standard library only, and one object per API server process. vLLM is told to load it with
``--middleware llmfleet_runtime.guard.Guard``; it becomes the outermost layer, so it sees every answer.

Its own routes under ``/_llmfleet/`` and all of the engine's that are not public answer only to the
launcher: from loopback, with the token that the launcher gave through the environment. Loopback alone
would not do, since a service mesh hands on foreign requests from there.
"""

import hmac
import ipaddress
import json
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from .alias import Names
from .body import FOR_PROGRAMS, Message, Receive, is_for_programs, read
from .surface import MODELS_PATH, PROBES, served

Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

TOKEN_VARIABLE = "LLMFLEET_GUARD_TOKEN"  # noqa: S105 because it is the variable's name
TASK_VARIABLE = "LLMFLEET_TASK"
"""The one thing that the model does; unset, its engine tells by its own routes."""
TOKEN_HEADER = b"x-llmfleet-token"
STATE_PATH = "/_llmfleet/state"
DRAIN_PATH = "/_llmfleet/drain"
NAMES_PATH = "/_llmfleet/names"

OPEN, CLOSING, REFUSING = "open", "closing", "refusing"
MODES = (OPEN, CLOSING, REFUSING)

LARGEST_ORDER_BYTES = 65_536
"""Of what the launcher sends."""

REUSE_SECONDS = 5.5
"""A client that was not told to close may use its connection again for the engine's keep-alive time of 5 s."""
FLUSH_SECONDS = 0.5
"""After the last byte was handed to the server it still has to leave the machine."""


class Guard:
    """Wraps ``app``; ``clock`` is monotonic seconds."""

    def __init__(self, app: App, clock: Callable[[], float] = time.monotonic) -> None:
        """Read token and task from the environment; no token means that loopback alone tells the launcher."""
        self.app = app
        self.clock = clock
        self.token = os.environ.get(TOKEN_VARIABLE, "").encode()
        self.served = served(os.environ.get(TASK_VARIABLE) or None)
        self.mode = OPEN
        self.in_flight = 0
        self.finished = 0
        self.aborted = 0
        self.quiet_at = clock()
        self.idle_at = clock()
        self.names = Names()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, refuse or hand on; lifespan messages pass."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http":
            # Refused before the handshake: no websocket route is public.
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["path"] in self.served and not self._is_inventory(scope):
            await self._serve(scope, receive, send)
        elif scope["path"] in PROBES:
            await self.app(scope, receive, self._closing(send))
        elif not self._is_launcher(scope):
            await _answer(self._closing(send), 404, _error("NotFoundError", "There is no such route."))
        else:
            orders = {STATE_PATH: self._tell, DRAIN_PATH: self._drain, NAMES_PATH: self._point}
            await orders.get(scope["path"], self.app)(scope, receive, send)

    async def _tell(self, _scope: Message, _receive: Receive, send: Send) -> None:
        await _answer(send, 200, self.state())

    def state(self) -> dict[str, object]:
        """What the launcher reads: requests, counts since the drain began, when the engine may stop, idle seconds."""
        quiet = 0.0 if self.in_flight else max(0.0, self.quiet_at - self.clock())
        return {
            "mode": self.mode,
            "inFlight": self.in_flight,
            "finished": self.finished,
            "aborted": self.aborted,
            "quietSeconds": round(quiet, 3),
            "idleSeconds": 0.0 if self.in_flight else round(self.clock() - self.idle_at, 3),
        }

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        if self.mode == REFUSING:
            body = _error("ServiceUnavailable", "This replica is stopping; send the request again.")
            await _answer(self._closing(send), 503, body, (b"retry-after", b"1"))
            return
        request = _Request(self, scope, receive, self._closing(send))
        self.in_flight += 1
        try:
            if scope["path"] == MODELS_PATH:
                answering = self.names.listed(request.send) if self.names.is_used else request.send
                await self.app(scope, request.receive, answering)
            else:
                await self._ask(scope, *await read(request.receive), request.send)
        finally:
            request.end(is_whole=False)

    async def _ask(self, scope: Message, body: bytes, receive: Receive, send: Send) -> None:
        if is_for_programs(body):
            told = f"{FOR_PROGRAMS} is not for requests; give a picture as image_url, with a data: address"
            await _answer(send, 400, _error("BadRequestError", told))
        else:
            await self.app(*self.names.requested(scope, body, receive), send)

    def _closing(self, send: Send) -> Send:
        """Tell the client to close, when the answer begins while this replica is leaving."""

        async def closing_send(message: Message) -> None:
            if self.mode != OPEN and message["type"] == "http.response.start":
                headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"connection"]
                message = {**message, "headers": [*headers, (b"connection", b"close")]}
            await send(message)

        return closing_send

    def _is_inventory(self, scope: Message) -> bool:
        """The launcher sees the engine's own list of models, and is no client that would make the pod look busy."""
        return bool(scope["path"] == MODELS_PATH) and self._is_launcher(scope)

    def _is_launcher(self, scope: Message) -> bool:
        given = next((value for name, value in scope["headers"] if name == TOKEN_HEADER), b"")
        return _is_loopback(scope.get("client")) and hmac.compare_digest(given, self.token)

    async def _drain(self, scope: Message, receive: Receive, send: Send) -> None:
        """``POST {"mode": "closing" | "refusing"}``; never back to open."""
        mode = (await _asked(receive)).get("mode") if scope["method"] == "POST" else None
        if mode not in MODES or MODES.index(mode) < MODES.index(self.mode):
            await _answer(send, 400, _error("BadRequestError", f"mode must be {CLOSING} or {REFUSING}, in this order"))
            return
        if self.mode == OPEN and mode != OPEN:
            self.finished = self.aborted = 0
        self.mode = mode
        await _answer(send, 200, self.state())

    async def _point(self, _scope: Message, receive: Receive, send: Send) -> None:
        """``{"names": {"sql": "sql@0123456789"}}``: which adapter answers under which name."""
        names = (await _asked(receive)).get("names")
        if not isinstance(names, dict) or not all(isinstance(each, str) for each in names.values()):
            await _answer(send, 400, _error("BadRequestError", "names must be an object of texts"))
            return
        self.names.point(names)
        await _answer(send, 200, {"names": names})


class _Request:
    """One request between its admission and its end, which comes once: last byte, disconnect or return.

    It is the last of its connection when either side said ``Connection: close``.
    """

    def __init__(self, guard: Guard, scope: Message, receive: Receive, send: Send) -> None:
        self._guard = guard
        self._receive = receive
        self._send = send
        self._is_open = True
        self._is_last = (b"connection", b"close") in ((name, value.lower()) for name, value in scope["headers"])

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.end(is_whole=False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._is_last = self._is_last or self._guard.mode != OPEN
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.end(is_whole=True)

    def end(self, *, is_whole: bool) -> None:
        if not self._is_open:
            return
        self._is_open = False
        guard = self._guard
        guard.in_flight -= 1
        if is_whole:
            guard.finished += 1
        else:
            guard.aborted += 1
        guard.idle_at = guard.clock()
        wait = FLUSH_SECONDS if self._is_last else REUSE_SECONDS
        guard.quiet_at = max(guard.quiet_at, guard.clock() + wait)


async def _asked(receive: Receive) -> dict[str, Any]:
    body, more = b"", True
    while more and len(body) < LARGEST_ORDER_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


async def _answer(send: Send, status: int, document: object, *headers: tuple[bytes, bytes]) -> None:
    body = json.dumps(document).encode()
    common = ((b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": [*common, *headers]})
    await send({"type": "http.response.body", "body": body})


def _error(kind: str, message: str) -> dict[str, object]:
    """The shape in which OpenAI's clients expect an error."""
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _is_loopback(client: Any) -> bool:
    try:
        address = ipaddress.ip_address(client[0])
    except (TypeError, ValueError, IndexError):
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
