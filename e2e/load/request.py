"""One request to an OpenAI-compatible endpoint and its verdict.

A stream counts as answered only when it said why it finished and then ``[DONE]``: a server that
dies in the middle ends a chunked body in ways that some clients take for a normal end.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one client saw. ``failure`` is None exactly for a complete, well-formed answer."""

    failure: str | None
    latency: float
    first_token: float | None = None
    """Seconds until the first piece of text; None for an answer in one piece."""
    tokens: int = 0

    @property
    def is_ok(self) -> bool:
        """Whether it was a complete, well-formed answer."""
        return self.failure is None


class Cut(Exception):
    """The answer ended, but not as an answer ends."""


@dataclass(slots=True)
class Reading:
    """What has arrived of one stream so far."""

    began: float
    first_token: float | None = None
    pieces: int = 0
    tokens: int | None = None
    """As the server counts them; absent until its usage document arrives."""
    finish: str | None = None
    done: bool = False

    def take(self, data: str) -> str:
        """Digest one event's data; return the text it brought."""
        if data == "[DONE]":
            self.done = True
            return ""
        document = json.loads(data)
        if "error" in document:
            raise Cut(f"error in the stream: {str(document['error'])[:120]}")
        if usage := document.get("usage"):
            self.tokens = int(usage["completion_tokens"])
        text = ""
        for choice in document.get("choices", ()):
            text += choice.get("text") or choice.get("delta", {}).get("content") or ""
            self.finish = choice.get("finish_reason") or self.finish
        if text:
            self.pieces += 1
            self.first_token = self.first_token or time.monotonic() - self.began
        return text


@dataclass(frozen=True, slots=True)
class Request:
    """A completion to ask for; a chat when ``messages`` is in the body."""

    url: str
    """The server's address up to and without ``/v1``."""
    body: dict[str, Any]
    timeout_seconds: float = 120.0
    fresh: bool = False
    """Tell the server that the connection ends with this request."""

    @property
    def path(self) -> str:
        """Chat or plain completion."""
        return "/v1/chat/completions" if "messages" in self.body else "/v1/completions"

    async def send(self, session: aiohttp.ClientSession, on_text: Callable[[str], None] = lambda _: None) -> Outcome:
        """Send once. Never raises for what a server or the network does; cancellation passes."""
        reading = Reading(time.monotonic())
        try:
            async with (
                asyncio.timeout(self.timeout_seconds),
                session.post(
                    self.url + self.path, json=self.body, headers=self._headers(), allow_redirects=False
                ) as response,
            ):
                await self._read(response, reading, on_text)
        except Exception as error:  # noqa: BLE001 because whatever a client sees is counted, never lost
            return self._outcome(reading, name_failure(error, reading))
        return self._outcome(reading, None)

    def _headers(self) -> dict[str, str]:
        return {"Connection": "close"} if self.fresh else {}

    async def _read(self, response: aiohttp.ClientResponse, reading: Reading, on_text: Callable[[str], None]) -> None:
        if not 200 <= response.status < 300:
            raise Cut(f"HTTP {response.status}")
        if not self.body.get("stream"):
            reading.take(await response.text())
            reading.first_token = None
            if reading.finish is None:
                raise Cut("an answer without a finish reason")
            return
        async for line in response.content:
            if line.startswith(b"data:") and (text := reading.take(line[5:].strip().decode())):
                on_text(text)
        if not reading.done or reading.finish is None:
            raise Cut("cut stream: no finish reason" if reading.done else "cut stream: no [DONE]")

    def _outcome(self, reading: Reading, failure: str | None) -> Outcome:
        tokens = reading.pieces if reading.tokens is None else reading.tokens
        return Outcome(failure, time.monotonic() - reading.began, reading.first_token, tokens)


def name_failure(error: Exception, reading: Reading) -> str:
    """A short reason without addresses and numbers, so that equal failures count as equal."""
    match error:
        case Cut():
            return str(error)
        case TimeoutError():
            return "timed out"
        case aiohttp.ClientConnectorError():
            return f"no connection: {type(error.os_error).__name__}"
        case aiohttp.ClientError() if reading.pieces:
            return f"cut stream: {type(error).__name__}"
        case _:
            return f"{type(error).__name__}: {error}"[:120]
