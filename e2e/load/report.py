"""What a load run measured: counts, reasons, percentiles. Frozen; made from outcomes alone."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .request import Outcome


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Seconds; NaN when nothing was measured."""

    p50: float
    p95: float
    p99: float
    largest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Percentiles":
        """Nearest-rank percentiles, so that every number was really measured."""
        ordered = sorted(values)
        return cls(*(nearest_rank(ordered, share) for share in (0.50, 0.95, 0.99, 1.0)))

    def __str__(self) -> str:
        return f"p50 {self.p50:.3f} s, p95 {self.p95:.3f} s, p99 {self.p99:.3f} s, largest {self.largest:.3f} s"


def nearest_rank(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of all values do not exceed."""
    if not ordered:
        return math.nan
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


@dataclass(frozen=True, slots=True)
class Report:
    """One load run. ``sent == ok + failed``: every request that was begun is in one of the two."""

    ok: int
    failures: tuple[tuple[str, int], ...]
    """Reason and count, most frequent first."""
    tokens: int
    seconds: float
    first_token: Percentiles
    latency: Percentiles

    @property
    def failed(self) -> int:
        """How many were not answered."""
        return sum(count for _, count in self.failures)

    @property
    def sent(self) -> int:
        """How many were begun."""
        return self.ok + self.failed

    @property
    def tokens_per_second(self) -> float:
        """Tokens of all answers over the whole run."""
        return self.tokens / self.seconds if self.seconds else 0.0

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], seconds: float) -> "Report":
        """Only answered requests enter the percentiles: a quick refusal is not a quick answer."""
        answered = [outcome for outcome in outcomes if outcome.is_ok]
        reasons = Counter(outcome.failure for outcome in outcomes if outcome.failure is not None)
        return cls(
            ok=len(answered),
            failures=tuple(reasons.most_common()),
            tokens=sum(outcome.tokens for outcome in outcomes),
            seconds=seconds,
            first_token=Percentiles.of(o.first_token for o in answered if o.first_token is not None),
            latency=Percentiles.of(outcome.latency for outcome in answered),
        )

    def __str__(self) -> str:
        reasons = "".join(f"; {count} x {reason}" for reason, count in self.failures)
        return f"{self.sent} requests, {self.failed} failed{reasons}; {self.tokens} tokens in {self.seconds:.0f} s"
