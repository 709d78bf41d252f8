"""Who wrote what, from the API server's audit log. The log is the server's word, not the writer's."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Request:
    """One finished request to the API server."""

    user: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int

    @property
    def is_write(self) -> bool:
        """Whether it changes something, or tries to."""
        return self.verb in WRITES

    def __str__(self) -> str:
        target = "/".join(part for part in (self.resource, self.name, self.subresource) if part)
        return f"{self.verb} {target} → {self.code}"


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The server's log file; positions in it are byte offsets."""

    path: Path

    def end(self) -> int:
        """Where the log ends now: what comes later happened later."""
        return self.path.stat().st_size if self.path.exists() else 0

    def since(self, position: int, user: str) -> list[Request]:
        """Finished requests of a user after a position. A log that was rotated is read from its start."""
        return [request for request in self._read(position) if request.user == user]

    def writes(self, position: int, user: str) -> list[Request]:
        """A user's writes after a position; the Lease aside, which is renewed at rest too."""
        return [r for r in self.since(position, user) if r.is_write and r.resource != "leases"]

    def _read(self, position: int) -> Iterator[Request]:
        with self.path.open("rb") as log:
            log.seek(position if position <= self.end() else 0)
            for line in log:
                # The last line may be half written.
                if line.endswith(b"\n") and (request := parse(json.loads(line))):
                    yield request


def parse(event: dict[str, Any]) -> Request | None:
    """One audit event, or None when it is not the end of a request."""
    if event.get("stage") != "ResponseComplete":
        return None
    target = event.get("objectRef", {})
    return Request(
        user=event["user"].get("username", ""),
        verb=event["verb"],
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
    )
