"""The body of a request, inside the engine's process: read whole, looked at, handed on. Standard library only."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

FOR_PROGRAMS = "image_pil"
"""A member of chats' parts that is meant for a program's own pictures. vLLM takes it from requests too, and hands a
text in it to the model's processor, which fetches it from any address or file (0.32; transformers' ``load_image``)."""
_SUSPECT = (FOR_PROGRAMS.encode(), b"\\u", b"\0")
"""Its letters, escapes, or another encoding of JSON; without them there is nothing to parse."""


async def read(receive: Receive) -> tuple[bytes, Receive]:
    """A body to its end, or until its client left, and what receives it once more."""
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body", False):
        messages.append(await receive())
    return b"".join(message.get("body", b"") for message in messages), replaying(messages, receive)


def replaying(messages: list[Message], receive: Receive) -> Receive:
    """Gives these messages first."""
    waiting = messages[::-1]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


def is_for_programs(body: bytes) -> bool:
    """Whether a body holds that member, at any depth, with something to fetch. What is no JSON the engine refuses."""
    if not any(mark in body for mark in _SUSPECT):
        return False
    held: list[Any] = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        held.extend(value for name, value in pairs if name == FOR_PROGRAMS)
        return dict(pairs)

    try:
        json.loads(body, object_pairs_hook=look)
    except RecursionError:
        return True
    except ValueError:
        return False
    return any(isinstance(value, str | list) for value in held)
