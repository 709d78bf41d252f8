"""The audit log as numbers: who wrote what and when, in the server's words. All but `Ledger` is pure."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from e2e.stack.audit import WRITES


@dataclass(frozen=True, slots=True)
class Entry:
    """One finished request; times are seconds since the epoch, by the server's clock."""

    user: str
    verb: str
    resource: str
    """With its subresource, as ``llmdeployments/status``."""
    namespace: str
    name: str
    """Empty where the server chose the name."""
    code: int
    received: float
    answered: float

    @property
    def is_write(self) -> bool:
        """Whether it changes something, or tries to; the Lease aside, which is renewed at rest too."""
        return self.verb in WRITES and self.resource != "leases"


def owner_of(name: str) -> str:
    """The object that an object or one of its children is named after: ``fleet-00001`` of ``fleet-00001-live``."""
    return "-".join(name.split("-")[:2])


def parse(event: dict[str, Any]) -> Entry | None:
    """One audit event, or None when it is not the end of a request for an object."""
    if event.get("stage") != "ResponseComplete" or "objectRef" not in event:
        return None
    target = event["objectRef"]
    parts = (target.get("resource", ""), target.get("subresource", ""))
    return Entry(
        user=event["user"].get("username", ""),
        verb=event["verb"],
        resource="/".join(part for part in parts if part),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        received=_seconds(event["requestReceivedTimestamp"]),
        answered=_seconds(event["stageTimestamp"]),
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class Ledger:
    """What happened in one namespace since the ledger was opened; a user of the namespace is followed outside too."""

    def __init__(self, path: Path, namespace: str) -> None:
        """Begin at the log's present end."""
        self._path, self._mark = path, namespace.encode()
        self._position = path.stat().st_size
        self.entries: list[Entry] = []

    def read(self) -> list[Entry]:
        """Everything so far."""
        with self._path.open("rb") as log:
            log.seek(self._position)
            for line in log:
                if not line.endswith(b"\n"):
                    break  # half written
                self._position += len(line)
                if self._mark in line and (entry := parse(json.loads(line))):
                    self.entries.append(entry)
        return self.entries


def during(entries: Iterable[Entry], begin: float, end: float = math.inf) -> list[Entry]:
    """Requests received from ``begin`` until before ``end``."""
    return [each for each in entries if begin <= each.received < end]


def writes_of(entries: Iterable[Entry], user: str) -> list[Entry]:
    """A user's writes."""
    return [each for each in entries if each.user == user and each.is_write]


def counted(entries: Iterable[Entry]) -> dict[str, int]:
    """How many of each verb and resource, most frequent first."""
    return dict(Counter(f"{each.verb} {each.resource}" for each in entries).most_common())


def refused(writes: Iterable[Entry]) -> dict[str, int]:
    """How many the server refused, by code, verb and resource."""
    failed = [each for each in writes if each.code >= 400]
    return dict(Counter(f"{each.code} {each.verb} {each.resource}" for each in failed).most_common())


def last_answer(entries: Iterable[Entry], resource: str) -> float | None:
    """When the last write of a resource was answered."""
    return max((each.answered for each in entries if each.is_write and each.resource == resource), default=None)


def reactions(edits: Iterable[Entry], writes: Iterable[Entry]) -> tuple[list[float], int]:
    """Seconds from the answer to each edit until the answer to the first write to the edited object's children.

    A write may follow several edits: then it is the answer to each. With the number of edits that none followed.
    """
    children: dict[str, list[Entry]] = {}
    for each in writes:
        if not each.resource.startswith("llmdeployments"):
            children.setdefault(owner_of(each.name), []).append(each)
    found, missed = [], 0
    for edit in edits:
        after = [each.answered for each in during(children.get(edit.name, ()), edit.received)]
        if after:
            found.append(max(0.0, min(after) - edit.answered))
        else:
            missed += 1
    return found, missed


def adopted_at(writes: Iterable[Entry], names: Sequence[str]) -> float | None:
    """When each object's Deployment had been written; None while one lacks."""
    waiting, last = set(names), 0.0
    for each in sorted(writes, key=lambda each: each.answered):
        owner = owner_of(each.name)
        if each.resource == "deployments" and owner in waiting:
            waiting.discard(owner)
            last = each.answered
    return None if waiting else last


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of all do not exceed; NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
