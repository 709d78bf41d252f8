"""GPU-seconds and what they cost: counters that grow by themselves while GPUs are held."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from llmfleet.core.usage import Usage, price

SECONDS_OF_AN_HOUR = 3600.0
LABELS = ("namespace", "name", "product")


@dataclass
class Held:
    """GPUs that are held since a time, and what was held before it."""

    gpus: int
    since: float
    seconds: float = 0.0
    """GPU-seconds until then."""

    def until(self, now: float) -> float:
        """GPU-seconds so far."""
        return self.seconds + self.gpus * (now - self.since)


class Meter(Collector):
    """Reads exactly, however seldom it is looked at."""

    def __init__(self, prices: Mapping[str, float], clock: Callable[[], float] = time.monotonic) -> None:
        """``prices`` are of one GPU for an hour, by product; without one there is no cost."""
        self._prices, self._clock = prices, clock
        self._held: dict[tuple[str, str], dict[str, Held]] = {}
        """By fleet, and by product within it."""

    def hold(self, namespace: str, name: str, usage: Usage | None) -> None:
        """From now on a fleet holds so many; those of another product it has given back."""
        now = self._clock()
        mine = self._held.setdefault((namespace, name), {})
        if usage:
            mine.setdefault(usage.product, Held(0, now))
        for product, held in mine.items():
            gpus = usage.gpus if usage and usage.product == product else 0
            held.seconds, held.since, held.gpus = held.until(now), now, gpus

    def forget(self, namespace: str, name: str) -> None:
        """Drop the series of an object that is gone."""
        self._held.pop((namespace, name), None)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """See prometheus_client."""
        seconds = CounterMetricFamily("llmfleet_gpu_seconds", "Time for which GPUs were held, seconds.", labels=LABELS)
        cost = CounterMetricFamily("llmfleet_gpu_cost", "The same at the prices of the settings.", labels=LABELS)
        now = self._clock()
        for fleet, product, held in self._all():
            seconds.add_metric((*fleet, product), held.until(now))
            per_hour = price(self._prices, product)
            if per_hour is not None:
                cost.add_metric((*fleet, product), held.until(now) / SECONDS_OF_AN_HOUR * per_hour)
        yield from (seconds, cost)

    def _all(self) -> Iterator[tuple[tuple[str, str], str, Held]]:
        return ((fleet, product, held) for fleet, mine in self._held.items() for product, held in mine.items())
