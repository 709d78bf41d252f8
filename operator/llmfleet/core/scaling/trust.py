"""How far one look at the pods can be trusted, and what a decision may do with it.

The weakest part decides: what is heard of one half only is no better for being fresh.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from llmfleet.core.scaling.sample import Sample

FRESH_INTERVALS = 2.0
"""A number is fresh while at most one scrape of its source is missing."""
RELEASES, DECIDES = 0.7, 0.5
"""Least score for taking replicas away, and for changing the size at all."""


class Leave(StrEnum):
    """What a decision may do."""

    ANY = "Any"
    NO_RELEASE = "NoRelease"
    HOLD = "Hold"


@dataclass(frozen=True, slots=True)
class Trust:
    """Shares from 0 to 1."""

    coverage: float = 0.0
    """Pods that told their load, of those that are ready."""
    freshness: float = 0.0
    """Of those that told, the ones whose numbers are as young as their source can give them."""
    naming: float = 0.0
    """Of those that told, the ones whose counters have names that we know."""

    @property
    def score(self) -> float:
        """The weakest of the three."""
        return min(self.coverage, self.freshness, self.naming)

    @property
    def leave(self) -> Leave:
        """What a decision on it may do."""
        if self.score >= RELEASES:
            return Leave.ANY
        return Leave.NO_RELEASE if self.score >= DECIDES else Leave.HOLD

    def __str__(self) -> str:
        """For people, weakest part and all."""
        parts = (("coverage", self.coverage), ("freshness", self.freshness), ("naming", self.naming))
        return f"trust {self.score:.0%} ({', '.join(f'{name} {share:.0%}' for name, share in parts)})"


def trust(samples: Sequence[Sample], *, needs_counters: bool) -> Trust:
    """Of one look, one sample for each ready pod; without any pod nothing is trusted.

    ``needs_counters`` says whether a target is judged by what engines count; gauges alone suffice for a queue.
    """
    heard = [each for each in samples if each.is_heard]
    if not heard:
        return Trust()
    fresh = sum(each.intervals < FRESH_INTERVALS for each in heard)
    named = sum(each.has_counters for each in heard) if needs_counters else len(heard)
    return Trust(len(heard) / len(samples), fresh / len(heard), named / len(heard))
