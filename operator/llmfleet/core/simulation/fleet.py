"""The replicas of a simulated fleet: starting, ready and leaving, with what it costs to hold them."""

import math
from dataclasses import dataclass
from operator import attrgetter

from llmfleet.core.simulation.chance import Chance
from llmfleet.core.simulation.profile import Profile
from llmfleet.core.simulation.replica import Replica
from llmfleet.core.simulation.request import Request


@dataclass(frozen=True)
class World:
    """What the cluster gives."""

    profile: Profile
    startup_seconds: float = 120.0
    """Mean time from a pod's creation until it serves, log-normal."""
    startup_variation: float = 0.2
    """Standard deviation over mean."""
    failing_starts: float = 0.0
    """Share of starts that fail at their end and begin again."""
    quota: int | None = None
    """Most GPUs there are; further pods stay pending at no cost."""
    gpus_per_replica: int = 1
    """0 for a fleet on CPUs, which no quota of GPUs holds back."""

    @property
    def room(self) -> int | None:
        """Most replicas that can be placed; None where there is enough for all."""
        return None if self.quota is None or not self.gpus_per_replica else self.quota // self.gpus_per_replica


@dataclass
class Pod:
    """One replica from its creation on."""

    number: int
    born: float
    """When it got its GPUs."""
    ready_at: float


class Fleet:
    """Mutable; told the time by its caller."""

    def __init__(self, world: World, size: int, chance: Chance) -> None:
        """``size`` replicas, of which all that have GPUs are ready at 0."""
        self._world = world
        self._chance = chance
        placed = size if world.room is None else min(size, world.room)
        self._numbers = placed
        self._spent = 0.0
        self.pending = size - placed
        """Pods without their GPUs."""
        self.starting: list[Pod] = []
        self.ready = [self.replica(number, 0.0) for number in range(placed)]
        self.leaving: list[Replica] = []
        self._born: dict[int, float] = dict.fromkeys(range(placed), 0.0)
        self.preemptions = 0

    @property
    def size(self) -> int:
        """Replicas that are wanted."""
        return self.pending + len(self.starting) + len(self.ready)

    def replica(self, number: int, now: float) -> Replica:
        """One that begins to serve."""
        return Replica(self._world.profile, number, now)

    def submit(self, request: Request, now: float) -> Replica | None:
        """Send a request to the replica with the fewest; the replica when its ``due`` has changed. None ready: None."""
        replica = min(self.ready, key=attrgetter("outstanding"))
        return replica if replica.submit(request, now) else None

    def resize(self, size: int, now: float) -> list[Pod]:
        """Create or remove, as a Deployment does: what is not ready goes first, then the least busy. The new pods."""
        self.pending += max(0, size - self.size)
        excess = self.size - size
        unplaced = min(excess, self.pending) if excess > 0 else 0
        self.pending -= unplaced
        for _ in range(max(0, excess - unplaced)):
            self._remove(now)
        return self.place(now)

    def place(self, now: float) -> list[Pod]:
        """Give pending pods the GPUs that are free."""
        taken, room = len(self.starting) + len(self.ready) + len(self.leaving), self._world.room
        free = self.pending if room is None else min(self.pending, room - taken)
        placed = [self._create(now) for _ in range(max(0, free))]
        self.pending -= len(placed)
        self.starting += placed
        return placed

    def start(self, pod: Pod, now: float) -> bool:
        """A start has ended. False when the pod was removed meanwhile."""
        if pod not in self.starting:
            return False
        self.starting.remove(pod)
        self.ready.append(self.replica(pod.number, now))
        return True

    def left(self, replica: Replica, now: float) -> None:
        """A leaving replica has served its last request."""
        self.leaving.remove(replica)
        self._end(replica.number, now)
        self.preemptions += replica.counters.preemptions

    def spent(self, now: float) -> float:
        """Replica-seconds until now, of pods that have gone and of those that are there."""
        return self._spent + sum(now - born for born in self._born.values())

    def _create(self, now: float) -> Pod:
        number, self._numbers = self._numbers, self._numbers + 1
        self._born[number] = now
        return Pod(number, now, now + self._startup())

    def _startup(self) -> float:
        """Seconds; a failed start is followed by another."""
        variance = math.log(1 + self._world.startup_variation**2)
        mu = math.log(self._world.startup_seconds) - variance / 2
        total = self._chance.lognormvariate(mu, math.sqrt(variance))
        while self._chance.random() < self._world.failing_starts:
            total += self._chance.lognormvariate(mu, math.sqrt(variance))
        return total

    def _remove(self, now: float) -> None:
        if self.starting:
            self._end(self.starting.pop().number, now)
            return
        replica = min(self.ready, key=attrgetter("outstanding"))
        self.ready.remove(replica)
        self.leaving.append(replica)
        if not replica.outstanding:
            self.left(replica, now)

    def _end(self, number: int, now: float) -> None:
        self._spent += now - self._born.pop(number)
