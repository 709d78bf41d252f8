"""What a simulated engine counts, and the ``/load`` document it tells it by: the one the operator's parser reads."""

from bisect import bisect_left
from itertools import accumulate

from llmfleet.core.simulation.request import Request
from llmfleet_runtime.contract import LoadReport, Totals

FIRST_TOKEN_BOUNDS = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
    160.0, 640.0, 2560.0,
)  # fmt: skip
OUTPUT_TOKEN_BOUNDS = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
)  # fmt: skip
"""Buckets of vLLM 0.32, seconds."""


class Counters:
    """Mutable for speed; all only grow."""

    __slots__ = (
        "_first_buckets", "_first_sum", "_request_buckets", "_request_sum", "_started", "_token_count", "_token_sum",
        "generated", "preemptions", "prompted",
    )  # fmt: skip

    def __init__(self, now: float) -> None:
        """An engine that started now."""
        self._started = now
        self.prompted = 0
        self.generated = 0
        self.preemptions = 0
        self._first_sum = self._request_sum = self._token_sum = 0.0
        self._token_count = 0
        self._first_buckets = [0] * (len(FIRST_TOKEN_BOUNDS) + 1)
        self._request_buckets = [0] * (len(OUTPUT_TOKEN_BOUNDS) + 1)

    def tokens(self, count: int, seconds: float, prompted: int) -> None:
        """Tokens that were generated one after another, their seconds together, and prompt tokens computed beside."""
        self.generated += count
        self._token_count += count
        self._token_sum += seconds
        self.prompted += prompted

    def first_token(self, seconds: float) -> None:
        """A prompt was answered for the first time."""
        self.generated += 1
        self._first_sum += seconds
        self._first_buckets[bisect_left(FIRST_TOKEN_BOUNDS, seconds)] += 1

    def finished(self, request: Request) -> None:
        """A request has ended."""
        if request.output > 1:
            seconds = request.time_per_output_token
            self._request_sum += seconds
            self._request_buckets[bisect_left(OUTPUT_TOKEN_BOUNDS, seconds)] += 1

    def report(self, running: int, waiting: int, kv_cache_usage: float, idle_seconds: float) -> LoadReport:
        """The ``/load`` document."""
        return LoadReport(
            started=self._started,
            in_flight=running + waiting,
            idle_seconds=idle_seconds,
            running=running,
            waiting=waiting,
            kv_cache_usage=kv_cache_usage,
            prompt_tokens=self.prompted,
            generation_tokens=self.generated,
            time_to_first_token=_totals(self._first_sum, FIRST_TOKEN_BOUNDS, self._first_buckets),
            time_per_output_token=Totals(sum=self._token_sum, count=self._token_count),
            request_time_per_output_token=_totals(self._request_sum, OUTPUT_TOKEN_BOUNDS, self._request_buckets),
        )


def _totals(total: float, bounds: tuple[float, ...], counts: list[int]) -> Totals:
    upto = list(accumulate(counts))
    return Totals(sum=total, count=upto[-1], buckets=tuple(zip(bounds, upto, strict=False)))
