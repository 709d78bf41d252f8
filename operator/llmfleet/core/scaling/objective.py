"""What users should feel, and how many requests per second one replica carries so that they do.

One replica at ``x`` requests per second of ``I`` prompt and ``O`` output tokens is busy for the share
``u = x * w`` of its time with what requests bring, ``w = I * prompt_token + O * sequence`` seconds each, and a token
takes ``step / (1 - u)`` on average: fixed work, shared out over what is left of each second.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from llmfleet.core.scaling.latency import StepTime
from llmfleet.core.scaling.work import Work

BUSIEST = 0.92
"""Share of its time that a replica may be busy with requests, whatever is promised."""
LEAST_BUSY = 0.25
"""A replica is given at least this much, even when the engine alone is slower than what is promised."""
FULLEST = 0.9
"""Of a replica's cache, and of its batch: what comes at once varies."""
STEPS_BESIDE = 1.2
"""Time of a prompt's steps over that of its tokens: the step itself and the sequences in it."""
ROUNDS = 4
"""Enough for the load to settle to a percent."""


class Limit(StrEnum):
    """What limits a replica."""

    FIRST_TOKEN = "TimeToFirstToken"  # noqa: S105 because it is the name of a target
    OUTPUT_TOKEN = "TimePerOutputToken"  # noqa: S105 because of the same
    CACHE = "KVCacheUtilization"
    BUSY = "Throughput"
    UNREACHABLE = "ObjectiveUnreachable"
    """A target is below what the engine takes alone."""
    NOT_STARTING = "ReplicasNotStarting"
    """Of those that were asked for some never came."""


STANDING_LIMITS = (Limit.UNREACHABLE, Limit.NOT_STARTING)
"""Those that are told also where the size stays."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A latency that this share of the requests must not exceed."""

    share: float
    """0 to 1."""
    seconds: float

    def __str__(self) -> str:
        """As people say it."""
        return f"p{self.share * 100:.0f} <= {self.seconds * 1000:.0f} ms"


@dataclass(frozen=True, slots=True)
class Objectives:
    """At least one of them is set."""

    first_token: Objective | None = None
    output_token: Objective | None = None
    kv_cache_usage: float | None = None
    """0 to 1, of each replica's cache."""
    at_once: int | None = None
    """Requests that the engine takes into its batch; None when it chooses. The others wait, and feel it."""

    @property
    def share(self) -> float:
        """The strictest share of requests that must be well."""
        return max((each.share for each in (self.first_token, self.output_token) if each), default=0.95)

    @property
    def pace(self) -> float:
        """Seconds per token that are promised, or assumed to be when only something else is."""
        return self.output_token.seconds if self.output_token else USUAL_PACE


USUAL_PACE = 0.1


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one replica carries."""

    rate: float
    """Requests per second."""
    in_flight: float
    """Requests that are then in it."""
    limit: Limit
    said: str
    """The limit in words, with what cannot be met at all."""


def capacity(objectives: Objectives, time: StepTime, work: Work, tail: float) -> Capacity:
    """``tail`` is how much longer the requests that count take than the mean: 1 and more."""
    seconds = max(1e-9, work.prompt * time.prompt_token + work.output * time.sequence)
    limits = [(BUSIEST, Limit.BUSY, f"{BUSIEST:.0%} busy")]
    busy, limit, said = min([*limits, *_by_output(objectives, time, tail), *_by_first(objectives, time, work)])
    rate = max(LEAST_BUSY, busy) / seconds
    if busy < LEAST_BUSY:
        limit = Limit.UNREACHABLE
        said += " cannot be kept by more replicas: "
        said += f"alone a token takes {time.step * 1000:.0f} ms, a prompt {_prompt(time, work) * 1000:.0f} ms"
    for most, full, words in _room(objectives, work):
        room = most / (work.output * time.step + most * seconds)
        if room < rate and limit is not Limit.UNREACHABLE:
            limit, said = full, words
        rate = min(rate, room)
    in_flight = rate * work.output * time.step / max(1e-3, 1 - rate * seconds)
    return Capacity(rate, max(1.0, in_flight), limit, said)


def _room(objectives: Objectives, work: Work) -> Iterator[tuple[float, Limit, str]]:
    """How many requests a replica has room for."""
    if work.cache:
        fullest = objectives.kv_cache_usage or FULLEST
        yield fullest / work.cache, Limit.CACHE, f"KV cache {fullest:.0%} full"
    if objectives.at_once:
        yield FULLEST * objectives.at_once, Limit.BUSY, f"batch of {objectives.at_once} {FULLEST:.0%} full"


def _prompt(time: StepTime, work: Work) -> float:
    """Seconds from a mean prompt's turn to its first token."""
    return work.prompt * time.prompt_token * STEPS_BESIDE + time.step


def _by_output(objectives: Objectives, time: StepTime, tail: float) -> list[tuple[float, Limit, str]]:
    promised = objectives.output_token
    if promised is None:
        return []
    return [(1 - tail * time.step / promised.seconds, Limit.OUTPUT_TOKEN, f"{promised} per token")]


def _by_first(objectives: Objectives, time: StepTime, work: Work) -> list[tuple[float, Limit, str]]:
    """The wait for the prompts before it, whose sizes vary as much as they are long.

    Prompts are served before decoding sequences get their next token, so only they queue for each other: an M/G/1 queue
    with an exponential tail, in which a share of ``load * exp(-(1 - load) * wait / own)`` waits longer than ``wait``.
    The load that keeps the promise is given as the share of the whole engine that is then busy.
    """
    promised = objectives.first_token
    if promised is None:
        return []
    own = _prompt(time, work)
    wait = promised.seconds - own
    whole = work.prompt * time.prompt_token + work.output * time.sequence
    load, missed = 0.5, max(1e-6, 1 - promised.share)
    for _ in range(ROUNDS):
        wanted = 1 - math.log(max(1.0, load / missed)) * own / wait if wait > 0 else 0.0
        load = min(BUSIEST, max(LEAST_BUSY, wanted))
    busy = min(wanted, load) / own * whole
    return [(busy, Limit.FIRST_TOKEN, f"{promised} to the first token")]
