"""What is kept of a watched object: its JSON, a quarter of the size of what is read from it, without what nobody reads.

A change of what is left out is no news: most of what the watches tell of a fleet is counters and times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from llmfleet.core.world import Raw

_UNUSED_METADATA = frozenset({"managedFields", "selfLink"})
_OF_A_POD = {
    "spec": frozenset({"nodeName"}),
    "status": frozenset({"phase", "reason", "message", "startTime", "podIP", "conditions", "containerStatuses"}),
}
_STATUS_UNREAD = frozenset({"PodDisruptionBudget", "Service"})
_CONDITIONS_READ = {
    "Deployment": frozenset({"ReplicaFailure"}),
    "Job": frozenset({"Complete", "Failed", "FailureTarget"}),
}
"""The others tell what the pods tell."""


def trimmed(raw: Mapping[str, Any]) -> Raw:
    """The object without what nobody reads."""
    metadata = {key: value for key, value in raw["metadata"].items() if key not in _UNUSED_METADATA}
    slim = {**raw, "metadata": metadata}
    if raw["kind"] == "Pod":
        return slim | {part: _only(raw.get(part, {}), members) for part, members in _OF_A_POD.items()}
    if raw["kind"] in _CONDITIONS_READ:
        conditions = raw.get("status", {}).get("conditions", ())
        told = [each for each in conditions if each.get("type") in _CONDITIONS_READ[raw["kind"]]]
        return slim | {"status": {"conditions": told}}
    if raw["kind"] in _STATUS_UNREAD:
        slim.pop("status", None)
    return slim


def _only(part: Mapping[str, Any], members: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key in members}


def _verbatim(part: Any) -> orjson.Fragment:
    """A member that ``wire`` left as the server wrote it."""
    if isinstance(part, msgspec.Raw):
        return orjson.Fragment(bytes(part))
    raise TypeError(f"no part of an object: {part!r}")


@dataclass(frozen=True, slots=True)
class Held:
    """One object: what tells it from its forerunners, and the rest as JSON."""

    uid: str
    version: str
    text: bytes

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Held":
        """Hold an object; one without a version is older than any."""
        slim = trimmed(raw)
        version = slim["metadata"].pop("resourceVersion", "0")
        # A copy, for what orjson gives lies in a block of up to four times its length.
        return cls(raw["metadata"]["uid"], version, bytes(memoryview(orjson.dumps(slim, default=_verbatim))))

    @property
    def raw(self) -> Raw:
        """The object, read anew."""
        found: dict[str, Any] = orjson.loads(self.text)
        found["metadata"]["resourceVersion"] = self.version
        return found
