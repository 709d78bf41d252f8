"""What users should feel, and how many requests per second one replica carries so that they do.

One replica at ``x`` requests per second of ``I`` prompt and ``O`` output tokens is busy for the share
``u = x * w`` of its time with what requests bring, ``w = I * prompt_token + O * sequence`` seconds each, and a token
takes ``step / (1 - u)`` on average: fixed work, shared out over what is left of each second.
"""

import math
from dataclasses import dataclass

from llmfleet.core.scaling.latency import StepTime

BUSIEST = 0.92
"""Share of its time that a replica may be busy with requests, whatever is promised."""
LEAST_BUSY = 0.25
"""A replica is given at least this much, even when the engine alone is slower than what is promised."""
FULLEST_CACHE = 0.9


@dataclass(frozen=True, slots=True)
class Objective:
    """A latency that this share of the requests must not exceed."""

    share: float
    """0 to 1."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Objectives:
    """At least one of them is set."""

    first_token: Objective | None = None
    output_token: Objective | None = None
    kv_cache_usage: float | None = None
    """0 to 1, mean over the replicas."""

    @property
    def share(self) -> float:
        """The strictest share of requests that must be well."""
        return max((each.share for each in (self.first_token, self.output_token) if each), default=0.95)


@dataclass(frozen=True, slots=True)
class Work:
    """What one request brings."""

    prompt: float
    """Prompt tokens."""
    output: float
    """Output tokens."""
    cache: float | None = None
    """Share of one cache that a running request takes; None when not reported."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one replica carries."""

    rate: float
    """Requests per second."""
    in_flight: float
    """Requests that are then in it."""
    limit: str
    """What limits it, in words."""


def capacity(objectives: Objectives, time: StepTime, work: Work, tail: float) -> Capacity:
    """``tail`` is how much longer the requests that count take than the mean: 1 and more."""
    seconds = max(1e-9, work.prompt * time.prompt_token + work.output * time.sequence)
    limits = [(BUSIEST, f"{BUSIEST:.0%} busy"), *_by_output(objectives, time, tail), *_by_first(objectives, time, work)]
    busy, limit = min(limits)
    rate = max(LEAST_BUSY, busy) / seconds
    if work.cache:
        fullest = objectives.kv_cache_usage or FULLEST_CACHE
        most = fullest / work.cache
        cached = most / (work.output * time.step + most * seconds)
        rate, limit = min((rate, limit), (cached, f"KV cache {fullest:.0%} full"))
    in_flight = rate * work.output * time.step / max(1e-3, 1 - rate * seconds)
    return Capacity(rate, max(1.0, in_flight), limit)


def _by_output(objectives: Objectives, time: StepTime, tail: float) -> list[tuple[float, str]]:
    promised = objectives.output_token
    if promised is None:
        return []
    name = f"p{promised.share * 100:.0f} {promised.seconds * 1000:.0f} ms per token"
    return [(1 - tail * time.step / promised.seconds, name)]


def _by_first(objectives: Objectives, time: StepTime, work: Work) -> list[tuple[float, str]]:
    """The wait for the prompts before it: exponential tail of an M/G/1 queue with sizes that vary as much as they are
    long, after its own prompt.
    """
    promised = objectives.first_token
    if promised is None:
        return []
    own = work.prompt * time.prompt_token + time.step
    patience = promised.seconds - 2 * own
    name = f"p{promised.share * 100:.0f} {promised.seconds * 1000:.0f} ms to the first token"
    if patience <= 0:
        return [(LEAST_BUSY, name)]
    return [(1 - math.log(1 / max(1e-6, 1 - promised.share)) * own / patience, name)]
