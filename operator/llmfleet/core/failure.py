"""The last failure of a fleet, kept after it has healed: cause, words, and the next step."""

from llmfleet.api.conditions import Reason
from llmfleet.api.status import Failure, Status
from llmfleet.core.pods import worst
from llmfleet.core.remedy import remedy
from llmfleet.core.world import Observed

_WAITING = frozenset({Reason.INSUFFICIENT_GPU, Reason.UNSCHEDULABLE})
"""Lack of room is no failure."""


def last_failure(observed: Observed, revision: str, now: str) -> Failure | None:
    """The failure to record: the present one of this revision's pods, else the one on record; ``now`` is RFC 3339.

    One that goes on is told once, with the time it began.
    """
    recorded = observed.status.last_failure
    found = worst((pod for pod in observed.pods if pod.revision == revision), now)
    if found is None or found.reason in _WAITING:
        return recorded
    present = Failure(
        reason=found.reason,
        time=found.since or now,
        message=found.message,
        remedy=remedy(found.reason, found.message),
    )
    return recorded if _goes_on(observed.status, present) else present


def _goes_on(past: Status, present: Failure) -> bool:
    recorded = past.last_failure
    if recorded is None or (recorded.reason, recorded.message) != (present.reason, present.message):
        return False
    return recorded.time == present.time or any(each.reason == present.reason for each in past.problems)
