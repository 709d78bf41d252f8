"""The drain ledger: what each pod's leaving cost, out of the farewell in its container's termination message."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from llmfleet import names
from llmfleet.api.conditions import MEANINGS, Reason
from llmfleet.api.status import Drain
from llmfleet.core.instant import elapsed
from llmfleet.core.pods import has_ended
from llmfleet_runtime.contract import Farewell

KEPT = 5
FIRST_READY_SECONDS = 2.0
"""A pod's conditions are first written within this time of its start; no engine is ready that soon."""

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Removal:
    """One pod that left and is not in the ledger yet."""

    uid: str
    drain: Drain
    seconds: float | None
    """How long it drained; None where it did not say."""


def removals(uid: str, departed: Iterable[Raw], recorded: Sequence[Drain], now: str) -> tuple[Removal, ...]:
    """Pods of the object with this UID that have served and ended, less those on record; ``now`` is RFC 3339.

    A pod that said no farewell has unknown numbers, never zeros.
    """
    ours = [raw for raw in departed if raw["metadata"].get("labels", {}).get(names.UID_LABEL) == uid]
    entries = [(raw, _removal(raw, now)) for raw in ours if _has_served(raw)]
    return tuple(entry for raw, entry in entries if not _is_recorded(raw, entry.drain, recorded))


def fold(recorded: Iterable[Drain], new: Iterable[Removal]) -> tuple[Drain, ...]:
    """The newest drains, oldest first, one per pod."""
    each = {drain.pod: drain for drain in (*recorded, *(removal.drain for removal in new))}
    return tuple(sorted(each.values(), key=_age)[-KEPT:])


def told(drain: Drain) -> str:
    """A drain that lost requests, in a sentence with the next step."""
    return (
        f"pod {drain.pod} cut off {drain.aborted} of {drain.in_flight} requests in flight after {drain.seconds} s | "
        f"{MEANINGS[Reason.REQUESTS_ABORTED]}"
    )


def _age(drain: Drain) -> tuple[str, str]:
    return drain.time, drain.pod


def _is_recorded(raw: Raw, drain: Drain, recorded: Sequence[Drain]) -> bool:
    """On record, or so old that newer ones have pushed it off: an evicted pod's object may stay for days."""
    if any(each.pod == drain.pod for each in recorded):
        return True
    stays = "deletionTimestamp" not in raw["metadata"] and has_ended(raw)
    return stays and len(recorded) >= KEPT and _age(drain) < min(_age(each) for each in recorded)


def _removal(raw: Raw, now: str) -> Removal:
    metadata, ended, said = raw["metadata"], _ended(raw), _farewell(raw)
    drain = Drain(
        pod=metadata["name"],
        time=ended.get("finishedAt") or now,
        in_flight=said.in_flight_at_start if said else None,
        finished=said.finished if said else None,
        aborted=said.aborted if said else None,
        seconds=round(said.seconds) if said and said.seconds is not None else None,
    )
    return Removal(metadata["uid"], drain, said.seconds if said else None)


def _has_served(raw: Raw) -> bool:
    """It drained, or was ready once: its Ready condition has flipped since it started."""
    said, status = _farewell(raw), raw.get("status", {})
    if said and said.seconds is not None:
        return True
    ready: Raw = next((each for each in status.get("conditions", ()) if each.get("type") == "Ready"), {})
    flipped = elapsed(status.get("startTime", ""), ready.get("lastTransitionTime", ""))
    return ready.get("status") == "True" or flipped >= FIRST_READY_SECONDS


def _ended(raw: Raw) -> Raw:
    containers = raw.get("status", {}).get("containerStatuses", ())
    engine: Raw = next((each for each in containers if each.get("name") == names.ENGINE_CONTAINER), {})
    found: Raw = engine.get("state", {}).get("terminated") or {}
    return found


def _farewell(raw: Raw) -> Farewell | None:
    try:
        return Farewell.model_validate(json.loads(_ended(raw).get("message") or ""))
    except (ValueError, ValidationError):
        return None
