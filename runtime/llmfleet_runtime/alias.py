"""Adapters' public names, inside the engine's process: requests go to the present version, listings show no versions.

Standard library only, like the guard that uses it. An answer's own ``model`` member names the version that made it.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .body import Message, Receive, replaying

Send = Callable[[Message], Awaitable[None]]

LENGTH = b"content-length"


class Names:
    """Versions by public name. ``is_used`` once somebody has pointed a name, even none."""

    def __init__(self) -> None:
        """No names."""
        self.is_used = False
        self._versions: Mapping[str, str] = {}
        self._mention: re.Pattern[bytes] | None = None

    def point(self, names: Mapping[str, str]) -> None:
        """From now on these names, and no others, mean these versions."""
        self.is_used = True
        self._versions = dict(names)
        found = b"|".join(re.escape(name.encode()) for name in names)
        # An escape may stand for any letter, and reading every body whole to see would hold up the engine's loop.
        self._mention = re.compile(rb'"model"\s*:\s*"(?:(?:' + found + rb')"|[^"\\]*\\u)') if names else None

    def requested(self, scope: Message, body: bytes, receive: Receive) -> tuple[Message, Receive]:
        """The request with the version in the place of the name; ``receive`` gives its ``body`` again."""
        named = self._with_version(body)
        if named is None:
            return scope, receive
        message = {"type": "http.request", "body": named, "more_body": False}
        return {**scope, "headers": _with_length(scope["headers"], len(named))}, replaying([message], receive)

    def _with_version(self, body: bytes) -> bytes | None:
        if self._mention is None or not self._mention.search(body):
            return None
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return None
        version = self._versions.get(str(document.get("model"))) if isinstance(document, dict) else None
        return json.dumps({**document, "model": version}).encode() if version else None

    def listed(self, send: Send) -> Send:
        """Pass an answer on as one, with public names in a list of models."""
        held: list[Message] = []

        async def listing_send(message: Message) -> None:
            held.append(message)
            if message["type"] == "http.response.start" or message.get("more_body", False):
                return
            body = b"".join(each.get("body", b"") for each in held[1:])
            body = self._public(body)
            await send({**held[0], "headers": _with_length(held[0].get("headers", ()), len(body))})
            await send({"type": "http.response.body", "body": body})

        return listing_send

    def _public(self, page: bytes) -> bytes:
        """A list of models with each present version under its public name, and no other version."""
        names = {version: name for name, version in self._versions.items()}
        try:
            document = json.loads(page)
            shown = [each for each in document["data"] if not each.get("parent") or each["id"] in names]
            document["data"] = [{**each, "id": names.get(each["id"], each["id"])} for each in shown]
        except (ValueError, KeyError, TypeError, AttributeError):
            return page
        return json.dumps(document).encode()


def _with_length(headers: Any, length: int) -> list[tuple[bytes, bytes]]:
    kept = [(name, value) for name, value in headers if name.lower() not in (LENGTH, b"transfer-encoding")]
    return [*kept, (LENGTH, str(length).encode())]
