"""Between which sizes a fleet may be now: the spec's bounds, or those of the schedules that hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import permutations

from llmfleet.api.autoscaling import Autoscaling
from llmfleet.api.schedule import Schedule
from llmfleet.core.scaling.calendar import NoSchedule, overlap, window


@dataclass(frozen=True)
class Bounds:
    """What holds at one moment."""

    least: int
    most: int
    least_by: str = ""
    """The schedule that says so; empty where it is the spec."""
    most_by: str = ""
    changes: str | None = None
    """When a schedule begins or ends next, RFC 3339; None when none will, or not soon."""
    trouble: str = ""
    """Which schedules count for nothing, and why."""


def bounds(autoscaling: Autoscaling, now: str) -> Bounds:
    """At ``now``, RFC 3339: of the schedules that hold, the largest minReplicas and the smallest maxReplicas.

    A schedule that cannot be read counts for nothing; of two that would contradict each other neither does.
    """
    least, most = autoscaling.min_replicas, autoscaling.max_replicas
    if not autoscaling.schedules:
        return Bounds(least, most)
    moment = datetime.fromisoformat(now)
    sound, troubles = _sound(autoscaling.schedules, moment)
    windows = [(each, window(each, moment)) for each in sound]
    holding = [each for each, found in windows if found.is_open]
    mins = [(each.min_replicas, each.name) for each in holding if each.min_replicas is not None]
    maxes = [(each.max_replicas, each.name) for each in holding if each.max_replicas is not None]
    least, least_by = max(mins, default=(least, ""))
    most, most_by = min(maxes, default=(most, ""))
    changes = min((found.changes for _, found in windows if found.changes), default=None)
    return Bounds(least, most, least_by, most_by, _text(changes), "; ".join(troubles))


def _sound(schedules: tuple[Schedule, ...], now: datetime) -> tuple[list[Schedule], list[str]]:
    """The schedules that can be followed, and what is wrong with the others."""
    readable, troubles = [], []
    for each in schedules:
        try:
            window(each, now)
            readable.append(each)
        except NoSchedule as error:
            troubles.append(str(error))
    excluded = set[str]()
    for low, high, at in _contradictions(readable, now):
        excluded |= {low.name, high.name}
        both = f"schedules {low.name} and {high.name} hold at once at {_text(at)}"
        troubles.append(f"{both}: minReplicas {low.min_replicas} exceeds maxReplicas {high.max_replicas}")
    return [each for each in readable if each.name not in excluded], troubles


def _contradictions(schedules: list[Schedule], now: datetime) -> Iterator[tuple[Schedule, Schedule, datetime]]:
    for low, high in permutations(schedules, 2):
        if (low.min_replicas or 0) > (high.max_replicas or 1000) and (at := overlap(low, high, now)):
            yield low, high, at


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
