"""A small TLS server on the loopback: it answers every request, and its watches say what they are told to."""

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any, Self

from aiohttp import web


class Server:
    """Between ``async with`` and its end."""

    def __init__(self, pki: Path) -> None:
        self._pki = pki
        self.got: list[tuple[str, str, Any, str]] = []
        """Method, path with query, body and content type of each request."""
        self._watches: set[asyncio.Queue[bytes]] = set()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await self._runner.setup()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._pki / "apiserver.crt", self._pki / "apiserver.key")
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        self.url = f"https://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.text() or "null")
        self.got.append((request.method, request.raw_path, body, request.content_type))
        if request.query.get("watch") != "true":
            return web.json_response({"bearer": request.headers.get("Authorization", "")})
        response, queue = web.StreamResponse(), asyncio.Queue[bytes]()
        await response.prepare(request)
        self._watches.add(queue)
        try:
            while line := await queue.get():
                await response.write(line)
        finally:
            self._watches.discard(queue)
        return response

    async def watched(self, count: int = 1) -> None:
        """Wait until so many watches are open."""
        async with asyncio.timeout(5):
            while len(self._watches) != count:  # noqa: ASYNC110 because the handlers come and go by themselves
                await asyncio.sleep(0.01)

    def say(self, *events: dict[str, Any]) -> None:
        """Events on every open watch."""
        for queue in self._watches:
            for event in events:
                queue.put_nowait(json.dumps(event).encode() + b"\n")

    def end(self) -> None:
        """End every open watch, as the server does at its time-out."""
        for queue in self._watches:
            queue.put_nowait(b"")
