"""One pod's ``/load`` document as numbers that can be trusted: what is none is absent, never zero."""

import math
from dataclasses import dataclass, field
from functools import lru_cache
from operator import le

from llmfleet_runtime.contract import LoadReport, Totals

MOST_REQUESTS = 1e6
"""More at once in one pod is no number."""
MOST_COUNTED = 1e15
"""More tokens or seconds is no number: a thousand years at a million a second are fewer."""
MOST_BUCKETS = 64


@dataclass(frozen=True, slots=True)
class Latencies:
    """A histogram's running totals."""

    sum: float
    """Seconds."""
    count: float
    bounds: tuple[float, ...] = ()
    """Upper bounds of the buckets, seconds, ascending."""
    upto: tuple[float, ...] = ()
    """Observations up to each bound."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one ready pod reported at one tick; absent numbers are a silent pod's."""

    running: float | None = None
    waiting: float | None = None
    pod: str = ""
    """Its UID."""
    started: float | None = None
    """When its engine started, Unix seconds; counters restart with it."""
    idle_seconds: float | None = None
    kv_cache_usage: float | None = None
    """0 to 1."""
    prompt_tokens: float | None = None
    first_token: Latencies | None = None
    """One observation a request, at its first token."""
    token: Latencies | None = None
    """One observation a token after the first."""
    request_token: Latencies | None = None
    """Mean time per output token of a request, one observation at its end."""
    scraped: float | None = field(default=None, compare=False)
    """When somebody else read it, by that one's clock, seconds; None for what was read right now."""
    intervals: float = field(default=0.0, compare=False)
    """How old that was, in the intervals at which it is read."""

    @property
    def has_counters(self) -> bool:
        """Whether work would show in it."""
        return self.token is not None and self.prompt_tokens is not None

    @property
    def is_heard(self) -> bool:
        """Whether the pod gave both numbers that every decision needs."""
        return self.running is not None and self.waiting is not None


def sample(load: LoadReport | None, pod: str = "") -> Sample:
    """One pod's document as a sample; None, and each number that is none, stays absent."""
    if load is None:
        return Sample(pod=pod)
    return Sample(
        running=_number(load.running, MOST_REQUESTS),
        waiting=_number(load.waiting, MOST_REQUESTS),
        pod=pod,
        started=_number(load.started, MOST_COUNTED),
        idle_seconds=_number(load.idle_seconds, MOST_COUNTED),
        kv_cache_usage=_number(load.kv_cache_usage, 1.0),
        prompt_tokens=_number(load.prompt_tokens, MOST_COUNTED),
        first_token=_latencies(load.time_to_first_token),
        token=_latencies(load.time_per_output_token),
        request_token=_latencies(load.request_time_per_output_token),
    )


def _number(value: float | None, most: float) -> float | None:
    """NaN fails both comparisons."""
    return value if value is not None and 0 <= value <= most else None


def _latencies(totals: Totals | None) -> Latencies | None:
    if totals is None:
        return None
    total, count = _number(totals.sum, MOST_COUNTED), _number(totals.count, MOST_COUNTED)
    if total is None or count is None:
        return None
    bounds, upto = tuple(zip(*(totals.buckets or ()), strict=True)) or ((), ())
    is_sound = len(bounds) <= MOST_BUCKETS and _rises((0.0, *bounds, MOST_COUNTED)) and _rises((0.0, *upto, count))
    return Latencies(total, count, _shared(bounds), upto) if is_sound else Latencies(total, count)


@lru_cache(maxsize=64)
def _shared(bounds: tuple[float, ...]) -> tuple[float, ...]:
    """Pods have the same buckets: one tuple serves all of them."""
    return bounds


def _rises(numbers: tuple[float, ...]) -> bool:
    """Never falls, and holds nothing that is no number: NaN fails every comparison."""
    return all(map(le, numbers, numbers[1:])) and numbers[-1] < math.inf
