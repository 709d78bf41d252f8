"""Samples of the pods' load, and their summary over a window."""

from collections.abc import Sequence
from dataclasses import dataclass

from llmfleet.core.scaling.sample import Sample


@dataclass(frozen=True)
class Tick:
    """All ready pods at one time."""

    time: float
    """Seconds, of any monotonic clock."""
    ready: int
    heard: int
    running: float
    """Requests being generated, sum over the heard pods."""
    waiting: float
    """Requests queued, sum over the heard pods."""
    busiest: float
    """Most requests that one pod was running."""
    samples: tuple[Sample, ...] = ()
    """What each of them said."""
    startups: tuple[float, ...] = ()
    """How long the last pods took from creation until they served, seconds; empty when nobody knows."""

    @property
    def demand(self) -> float:
        """Requests that are known to be there, served or not."""
        return self.running + self.waiting

    @property
    def silence(self) -> float:
        """What is known times this is all there is, if silent pods have as much as the others; some must be heard."""
        return self.ready / self.heard


@dataclass(frozen=True)
class Load:
    """What traffic looked like over one window."""

    demand: float
    """Mean of running plus waiting, requests; a silent pod has as many as the others."""
    waiting: float
    """Mean of waiting, requests, likewise."""
    peak: float
    """Most of running plus waiting at any tick, requests, likewise."""
    coverage: float
    """Heard of ready pods, 0 to 1; 0 without any tick."""
    seconds: float
    """Time between the first tick and the last."""


def tick(time: float, samples: Sequence[Sample], startups: tuple[float, ...] = ()) -> Tick:
    """Sum up one round of samples, one per ready pod."""
    heard = [each for each in samples if each.is_heard]
    running = [each.running or 0.0 for each in heard]
    return Tick(
        time=time,
        ready=len(samples),
        heard=len(heard),
        running=sum(running),
        waiting=sum(each.waiting or 0.0 for each in heard),
        busiest=max(running, default=0.0),
        samples=tuple(samples),
        startups=startups,
    )


def summarize(ticks: Sequence[Tick], now: float, window_seconds: float) -> Load:
    """The load over the last ``window_seconds``; no ticks is coverage 0, never load 0."""
    within = [each for each in ticks if now - each.time <= window_seconds]
    ready = sum(each.ready for each in within)
    heard = [each for each in within if each.heard]
    if not heard:
        return Load(0.0, 0.0, 0.0, 0.0, 0.0)
    return Load(
        demand=sum(each.demand * each.silence for each in heard) / len(heard),
        waiting=sum(each.waiting * each.silence for each in heard) / len(heard),
        peak=max(each.demand * each.silence for each in heard),
        coverage=sum(each.heard for each in within) / ready if ready else 0.0,
        seconds=within[-1].time - within[0].time,
    )
