"""One watch on its way through the proxy."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Protocol

from tests.faults.rules import Effect, Error, Hold, Replay, Silence

Event = dict[str, Any]


class Lines(Protocol):
    """What an open answer's content is, as far as it matters here."""

    def readline(self) -> Awaitable[bytes]: ...


def last_of_each(events: Iterable[Event]) -> list[Event]:
    """What a watcher that looked away would know: nothing of what came and went, the last of the rest."""
    first: dict[tuple[str, str], Event] = {}
    last: dict[tuple[str, str], Event] = {}
    for event in events:
        metadata = event["object"].get("metadata", {})
        name = (metadata.get("namespace", ""), metadata.get("name", ""))
        first.setdefault(name, event)
        last.pop(name, None)
        last[name] = event
    return [event for name, event in last.items() if (first[name]["type"], event["type"]) != ("ADDED", "DELETED")]


class Stream:
    """Hands a watch's events on, keeps them back, or breaks it, as the rules say."""

    def __init__(
        self, content: Lines, write: Callable[[bytes], Awaitable[None]], strike: Callable[[], tuple[Effect, ...]]
    ) -> None:
        """``strike`` asks the standing rules about this watch."""
        self._content, self._write, self._strike = content, write, strike
        self._changed = asyncio.Event()
        self._held: list[Event] = []
        self._effect: Effect | None = None

    def ask(self) -> None:
        """The rules were changed: look at them again."""
        self._changed.set()

    async def relay(self, resource: str, effects: tuple[Effect, ...]) -> None:
        """Until the server ends the watch, the client is gone, or an ERROR ends it."""
        for effect in effects:
            if isinstance(effect, Replay):
                await self._send({"type": "MODIFIED", "object": raw} for raw in effect.snapshot[resource]["items"])
        if await self._struck(effects):
            return
        async for line in self._lines():
            if line is not None:
                await self._pass_on(line)
            elif await self._struck(self._strike()):
                return

    async def _pass_on(self, line: bytes) -> None:
        if isinstance(self._effect, Hold):
            self._held.append(json.loads(line))
        elif not isinstance(self._effect, Silence):
            await self._write(line)

    async def _lines(self) -> AsyncIterator[bytes | None]:
        """Lines of the watch, and None whenever the rules were changed."""
        reading = asyncio.ensure_future(self._content.readline())
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            while True:
                await asyncio.wait({reading, changed}, return_when=asyncio.FIRST_COMPLETED)
                if changed.done():
                    self._changed.clear()
                    changed = asyncio.ensure_future(self._changed.wait())
                    yield None
                if reading.done():
                    line = reading.result()
                    if not line:
                        return
                    reading = asyncio.ensure_future(self._content.readline())
                    yield line
        finally:
            reading.cancel()
            changed.cancel()

    async def _struck(self, effects: tuple[Effect, ...]) -> bool:
        """Take up what the rules say now; True when the watch ends by it."""
        if isinstance(self._effect, Silence):
            return False
        before, self._effect = self._effect, next((e for e in effects if isinstance(e, Hold | Silence | Error)), None)
        if isinstance(before, Hold) and not isinstance(self._effect, Hold):
            held, self._held = self._held, []
            if not isinstance(self._effect, Error):  # a broken watch never says what it kept back
                await self._send(last_of_each(held) if before.only_last else held)
        if isinstance(self._effect, Error):
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": self._effect.code}
            await self._send([{"type": "ERROR", "object": status | {"message": "injected"}}])
            return True
        return False

    async def _send(self, events: Iterable[Event]) -> None:
        for event in events:
            await self._write(json.dumps(event).encode() + b"\n")
