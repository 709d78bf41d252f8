"""What users felt and what it cost: the result of one simulation."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from llmfleet.core.simulation.request import Request

SLICE_SECONDS = 10.0
WORST_SECONDS = 300.0
RECOVERED = 0.95
RECOVERED_SLICES = 12
"""Two minutes of slices, each with this share attained, is recovered."""


@dataclass(frozen=True)
class Promise:
    """What each request should feel."""

    time_to_first_token: float = math.inf
    """Seconds."""
    time_per_output_token: float = math.inf
    """Seconds, the mean of one request."""


@dataclass(frozen=True)
class Change:
    """One change of size."""

    time: float
    before: int
    after: int
    why: str


class Size(NamedTuple):
    """Replicas at one time."""

    time: float
    wanted: int
    ready: int


@dataclass(frozen=True)
class Outcome:
    """One trace under one policy."""

    requests: int
    refused: int
    """Came while no replica was ready."""
    attained: float
    """Share of all requests that felt what was promised, 0 to 1; refused ones did not."""
    first_token_attained: float
    output_token_attained: float
    first_token_p99: float
    """Seconds, over the requests that were served."""
    worst: float
    """Share attained in the worst five minutes."""
    gpu_hours: float
    changes: tuple[Change, ...]
    largest: int
    preemptions: int
    slices: tuple[float | None, ...]
    """Share attained among the requests of each ten seconds; None where none came."""
    came: tuple[int, ...] = ()
    """Requests of each ten seconds."""
    sizes: tuple[Size, ...] = ()
    """At each look at which one of them had changed."""
    replica_hours: float = 0.0

    @property
    def flips(self) -> int:
        """Changes in the other direction than the one before."""
        signs = [each.after > each.before for each in self.changes]
        return sum(before != after for before, after in pairwise(signs))

    def recovery(self, since: float) -> float | None:
        """Seconds from ``since`` until two minutes begin in which every slice is well; None when none do."""
        first = int(since / SLICE_SECONDS)
        for at in range(first, len(self.slices) - RECOVERED_SLICES + 1):
            window = self.slices[at : at + RECOVERED_SLICES]
            if all(share is None or share >= RECOVERED for share in window):
                return max(0.0, at * SLICE_SECONDS - since)
        return None


class Tally:
    """Counts while a simulation runs; mutable for speed."""

    def __init__(self, promise: Promise, seconds: float) -> None:
        """``seconds`` is the length of the trace."""
        slices = int(seconds / SLICE_SECONDS) + 1
        self._promise = promise
        self._came = [0] * slices
        self._well = [0] * slices
        self._first_tokens = array("d")
        self._sizes: list[Size] = []
        self._first_well = self._output_well = self.refused = 0

    def came(self, time: float) -> None:
        """A request arrived."""
        self._came[int(time / SLICE_SECONDS)] += 1

    def looked(self, size: Size) -> None:
        """The fleet at one look."""
        if not self._sizes or self._sizes[-1][1:] != size[1:]:
            self._sizes.append(size)

    def ended(self, requests: Sequence[Request]) -> None:
        """Requests were served whole."""
        for request in requests:
            first = request.time_to_first_token
            is_first_well = first <= self._promise.time_to_first_token
            is_output_well = request.time_per_output_token <= self._promise.time_per_output_token
            self._first_tokens.append(first)
            self._first_well += is_first_well
            self._output_well += is_output_well
            if is_first_well and is_output_well:
                self._well[int(request.arrival / SLICE_SECONDS)] += 1

    def outcome(
        self, replica_seconds: float, changes: Sequence[Change], largest: int, preemptions: int, gpus: int = 1
    ) -> Outcome:
        """The result; each replica held so many GPUs."""
        came = sum(self._came)
        ranked = sorted(self._first_tokens)
        return Outcome(
            requests=came,
            refused=self.refused,
            attained=_share(sum(self._well), came),
            first_token_attained=_share(self._first_well, came),
            output_token_attained=_share(self._output_well, came),
            first_token_p99=ranked[int(0.99 * len(ranked))] if ranked else 0.0,
            worst=self._worst(),
            gpu_hours=gpus * replica_seconds / 3600.0,
            changes=tuple(changes),
            largest=largest,
            preemptions=preemptions,
            slices=tuple(well / came if came else None for well, came in zip(self._well, self._came, strict=True)),
            came=tuple(self._came),
            sizes=tuple(self._sizes),
            replica_hours=replica_seconds / 3600.0,
        )

    def _worst(self) -> float:
        width = min(int(WORST_SECONDS / SLICE_SECONDS), len(self._came))
        starts = range(len(self._came) - width + 1)
        sums = ((sum(self._well[at : at + width]), sum(self._came[at : at + width])) for at in starts)
        return min((well / came for well, came in sums if came), default=1.0)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
