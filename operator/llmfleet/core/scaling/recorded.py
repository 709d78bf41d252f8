"""What a PromQL server kept of a fleet, look by look, as the decider would have seen it then.

A pod counts from its first point to its last; without points in between it is silent, as it was for the operator. The
size is the one that was: every decision is about what really stood there, not about what another policy made of it.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from llmfleet.core.scaling.decide import Memory, Policy, decide
from llmfleet.core.scaling.load import tick
from llmfleet.core.scaling.sample import Sample
from llmfleet.core.scaling.series import Points, Scrape, samples
from llmfleet.core.scaling.why import Why

SIZE = "llmfleet_desired_replicas"
WARM_SECONDS = 600.0
"""What is looked at before anything is compared: the decider starts without a memory."""


@dataclass(frozen=True, slots=True)
class Look:
    """The ready pods at one time, and the size that was wanted then."""

    time: float
    """Unix time."""
    size: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One decision beside what was done."""

    time: float
    size: int
    """Before it."""
    done: int
    """Size at the next look."""
    decided: int
    why: Why
    message: str

    @property
    def agrees(self) -> bool:
        """Whether the decision was what was done, or to leave what stood."""
        return self.decided in (self.done, self.size) if self.done != self.size else self.decided == self.size


def joined(pieces: Iterable[Iterable[Points]]) -> tuple[Points, ...]:
    """Answers to questions about one time after another, as one."""
    found: dict[tuple[tuple[str, str], ...], tuple[Points, dict[float, float]]] = {}
    for piece in pieces:
        for each in piece:
            _, values = found.setdefault(tuple(sorted(each.labels.items())), (each, {}))
            values.update(each.values)
    return tuple(Points(first.labels, tuple(sorted(values.items()))) for first, values in found.values())


def sizes(found: Iterable[Points]) -> tuple[tuple[float, float], ...]:
    """The size of a fleet over time, from the operator's own series of it, whichever replica of it led."""
    return tuple(sorted(point for each in found for point in each.values if 0 <= point[1] < math.inf))


def looks(
    found: Sequence[Points], known: Sequence[tuple[float, float]], scrape: Scrape, span: tuple[float, float]
) -> Iterator[Look]:
    """One look each interval from the first time to the last; without a known size it is the number of pods."""
    by_pod: dict[str, list[Points]] = {}
    for each in found:
        by_pod.setdefault(each.labels.get(scrape.pod_label, ""), []).append(each)
    lives = {
        pod: (min(each.values[0][0] for each in own), max(each.values[-1][0] for each in own))
        for pod, own in by_pod.items()
    }
    now = span[0]
    while now <= span[1]:
        there = [pod for pod, (first, last) in lives.items() if first <= now <= last + scrape.interval]
        latest = [_until(each, now) for pod in there for each in by_pod[pod]]
        seen = samples(latest, [(pod, pod) for pod in there], scrape, now)
        yield Look(now, standing(known, now, len(there)), seen)
        now += scrape.interval


def _until(each: Points, now: float) -> Points:
    """Its last point at that time; none when it came later."""
    place = bisect_right(each.values, now, key=lambda point: point[0])
    return Points(each.labels, each.values[max(0, place - 1) : place])


def standing(known: Sequence[tuple[float, float]], now: float, pods: int) -> int:
    """The last known number at that time; that of the pods where there is none yet."""
    place = bisect_right(known, now, key=lambda point: point[0])
    return round(known[place - 1][1]) if place else pods


def replay(policy: Callable[[float], Policy], seen: Iterable[Look], since: float) -> Iterator[Step]:
    """What the decider says at each look from ``since`` on, under the policy that is in force at that Unix time."""
    memory: Memory | None = None
    for look, after in pairwise(seen):
        memory = memory or Memory.fresh(look.time)
        told = tick(look.time, look.samples)
        decision, memory = decide(policy(look.time), memory, look.size, told, look.time)
        if look.time >= since:
            yield Step(look.time, look.size, after.size, decision.replicas, decision.why, decision.message)
