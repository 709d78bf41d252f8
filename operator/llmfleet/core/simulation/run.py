"""A trace, a world and something that sizes the fleet: what happens."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple, Protocol

from llmfleet.core.simulation.chance import Chance
from llmfleet.core.simulation.fleet import Fleet, Pod, World
from llmfleet.core.simulation.outcome import Change, Outcome, Promise, Size, Tally
from llmfleet.core.simulation.replica import Replica
from llmfleet.core.simulation.request import Arrival, Request
from llmfleet_runtime.contract import LoadReport

LARGEST_FLEET = 1000


class Page(NamedTuple):
    """What one ready pod answered to ``GET /load``; None when it was silent."""

    pod: str
    said: LoadReport | str | None
    """A document that nobody has printed yet, or text."""

    @property
    def text(self) -> str | None:
        """As it comes over the wire."""
        return self.said.to_json() if isinstance(self.said, LoadReport) else self.said


class Scaler(Protocol):
    """Something that sizes a fleet."""

    @property
    def every_seconds(self) -> float:
        """Time between two looks."""
        ...

    def size(self, pages: Sequence[Page], size: int, now: float) -> tuple[int, str]:
        """The wanted size and why. ``size`` is the present one, with what starts; ``pages`` are of the ready pods."""
        ...


Fault = Callable[[float, Sequence[Page]], Sequence[Page]]
"""(now, the true pages) -> what is seen of them."""


@dataclass(frozen=True)
class Scene:
    """What a policy is tried on."""

    world: World
    promise: Promise
    seconds: float
    """Length of the trace."""
    initial: int = 1
    fault: Fault | None = None


def simulate(
    arrivals: Iterable[Arrival],
    scene: Scene,
    scaler: Scaler,
    chance: Chance,
    progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Play the trace to its end; ``progress`` is told the simulated time at each look."""
    return _Run(scene, scaler, chance, progress).play(arrivals)


class _Run:
    """The clock and the queue of events; an event whose replica was planned anew is stale and passed over."""

    def __init__(self, scene: Scene, scaler: Scaler, chance: Chance, progress: Callable[[float], None] | None) -> None:
        self._scene, self._scaler, self._progress = scene, scaler, progress
        self._fleet = Fleet(scene.world, scene.initial, chance)
        self._tally = Tally(scene.promise, scene.seconds)
        self._events: list[tuple[float, int, Replica | Pod]] = []
        self._serial = 0
        self._changes: list[Change] = []
        self._largest = scene.initial
        self._look_at = scaler.every_seconds

    def play(self, arrivals: Iterable[Arrival]) -> Outcome:
        for arrival in arrivals:
            if arrival.time >= self._scene.seconds:
                break
            self._until(arrival.time)
            self._arrive(arrival)
        self._until(self._scene.seconds)
        spent = self._fleet.spent(self._scene.seconds)
        self._look_at = math.inf
        self._until(math.inf)
        preemptions = self._fleet.preemptions + sum(each.counters.preemptions for each in self._fleet.ready)
        return self._tally.outcome(spent, self._changes, self._largest, preemptions, self._scene.world.gpus_per_replica)

    def _until(self, time: float) -> None:
        """Everything that happens up to a time."""
        events = self._events
        while True:
            due = events[0][0] if events else math.inf
            if due <= self._look_at and due <= time and events:
                self._happen(*heappop(events))
            elif self._look_at <= time and self._look_at < math.inf:
                self._look(self._look_at)
                self._look_at += self._scaler.every_seconds
            else:
                return

    def _happen(self, time: float, _: int, what: Replica | Pod) -> None:
        if isinstance(what, Pod):
            self._fleet.start(what, time)
        elif what.due == time:
            if ended := what.advance():
                self._tally.ended(ended)
            if what.due < math.inf:
                self._push(what.due, what)
            elif what in self._fleet.leaving:
                self._fleet.left(what, time)
                self._expect(self._fleet.place(time))

    def _arrive(self, arrival: Arrival) -> None:
        self._tally.came(arrival.time)
        if not self._fleet.ready:
            self._tally.refused += 1
            return
        replica = self._fleet.submit(Request(arrival), arrival.time)
        if replica:
            self._push(replica.due, replica)

    def _look(self, now: float) -> None:
        pages: Sequence[Page] = [Page(str(each.number), each.report(now)) for each in self._fleet.ready]
        if self._scene.fault:
            pages = self._scene.fault(now, pages)
        before = self._fleet.size
        after, why = self._scaler.size(pages, before, now)
        if after != before:
            self._expect(self._fleet.resize(min(after, LARGEST_FLEET), now))
            self._changes.append(Change(now, before, after, why))
            self._largest = max(self._largest, after)
        self._tally.looked(Size(now, after, len(self._fleet.ready)))
        if self._progress:
            self._progress(now)

    def _expect(self, pods: Iterable[Pod]) -> None:
        for pod in pods:
            self._push(pod.ready_at, pod)

    def _push(self, due: float, what: Replica | Pod) -> None:
        self._serial += 1
        heappush(self._events, (due, self._serial, what))
