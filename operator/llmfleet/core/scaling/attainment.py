"""How many requests were as quick as was promised, between two looks."""

from collections.abc import Iterator
from dataclasses import dataclass

from llmfleet.core.scaling.flow import Flow, Spread
from llmfleet.core.scaling.objective import Limit, Objective, Objectives


@dataclass(frozen=True, slots=True)
class Attainment:
    """One promise and what was kept of it."""

    name: str
    """The target's, as in the API."""
    promised: Objective
    requests: float = 0.0
    """That told their latency."""
    attained: float = 0.0
    """Of those, the ones within what was promised."""


def attainment(objectives: Objectives | None, flow: Flow | None) -> Iterator[Attainment]:
    """Of each promise; pods that told nothing and histograms without buckets are left out."""
    if objectives is None:
        return
    judged = (
        (Limit.FIRST_TOKEN, objectives.first_token, flow.first_token if flow else None),
        (Limit.OUTPUT_TOKEN, objectives.output_token, flow.request_token if flow else None),
    )
    for name, promised, seen in judged:
        if promised and seen and seen.bounds and seen.count > 0:
            yield Attainment(name, promised, seen.count, _within(seen, promised.seconds))
        elif promised:
            yield Attainment(name, promised)


def _within(seen: Spread, limit: float) -> float:
    """Observations of at most ``limit``; within a bucket they lie evenly, as Prometheus takes it.

    Of whole counts, unlike ``Spread.within``, whose doubt about a full bucket would add up over many short looks.
    """
    low, below = 0.0, 0.0
    for bound, upto in zip(seen.bounds, seen.upto, strict=True):
        if bound > limit:
            return below + (upto - below) * (limit - low) / (bound - low)
        low, below = bound, upto
    return below
