"""Our exceptions. Library exceptions are translated at the ports and nowhere else.

FleetError
├── Unavailable   the server cannot answer now; try again later
├── Conflict      what the write was decided on has changed; look again
├── Refused       the server said no, in its own words
└── NotLeader     the Lease has run out; write nothing
"""

from collections.abc import Mapping
from http import HTTPStatus

import orjson


class FleetError(Exception):
    """Trouble that a later pass may overcome."""

    retry_after = 0.0
    """Seconds during which the server wants to hear nothing more."""


class Unavailable(FleetError):
    """The server cannot answer now."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        """Keep when to come again beside the message."""
        super().__init__(message)
        self.retry_after = retry_after


class Conflict(FleetError):
    """The object changed since it was read."""


class Refused(FleetError):
    """The server said no; the message has its words, ``status`` the HTTP status, 0 when we said no ourselves."""

    def __init__(self, message: str, status: int = 0) -> None:
        """Keep the status beside the message."""
        super().__init__(message)
        self.status = status


class NotLeader(FleetError):
    """The Lease has run out."""


def refusal(status: int, text: bytes, headers: Mapping[str, str]) -> FleetError:
    """What an answer of 400 or more says."""
    try:
        message = orjson.loads(text).get("message", "")
    except (ValueError, AttributeError):  # no JSON, or JSON that is no object: a proxy's words
        message = text[:200].decode(errors="replace")
    if status == HTTPStatus.CONFLICT:
        return Conflict(message)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(f"{status}: {message}", _seconds(headers.get("Retry-After", "")))
    return Refused(message, status)


def _seconds(retry_after: str) -> float:
    """As the API server writes it; 0 for anything else."""
    return float(retry_after) if retry_after.isdecimal() else 0.0
