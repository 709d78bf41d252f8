"""How long a replica is kept that is not needed: learned for each level of the fleet, not one window for all.

Level ``j`` is needed while ``j`` replicas are wanted. One that is needed again soon after it was last needed is kept
longer from then on; one that was not missed for long is kept for the shortest time again.
"""

from dataclasses import dataclass

SHORTEST_SECONDS = 120.0
STARTUPS = 2.0
"""Shortest time, in start-ups: keeping costs as much as starting anew."""
SOON_STARTUPS = 6.0
LONGEST_STARTUPS = 7.5
STRETCH = 1.25
RELEASE_SECONDS = 30.0
RELEASE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Level:
    """One replica's place in the fleet."""

    needed: float
    """When it was last needed."""
    hold: float
    """How long it is kept, seconds."""


@dataclass(frozen=True)
class Keep:
    """All levels, the first replica's first."""

    levels: tuple[Level, ...] = ()
    released: float = float("-inf")
    """When replicas were last released."""

    def look(self, wanted: int, size: int, now: float, startup: float) -> "Keep":
        """``wanted`` of ``size`` replicas are needed now; ``startup`` in seconds."""
        shortest = max(SHORTEST_SECONDS, STARTUPS * startup)
        known = (*self.levels, *[Level(now, shortest)] * (max(wanted, size) - len(self.levels)))
        used = tuple(_used(each, now, startup, shortest) for each in known[:wanted])
        return Keep((*used, *known[wanted:]), self.released)

    def release(self, wanted: int, size: int, now: float) -> tuple[int, float, "Keep"]:
        """The size after what is due now is released, when the next one is due, and what to remember."""
        due = [each.needed + each.hold for each in self.levels[wanted:size]]
        most = max(1, int(size * RELEASE_SHARE))
        free = 0
        while free < len(due) and due[len(due) - 1 - free] <= now:
            free += 1
        if not free or now - self.released < RELEASE_SECONDS:
            return size, due[-1] if due else now, self
        return size - min(free, most), now, Keep(self.levels, now)


def _used(level: Level, now: float, startup: float, shortest: float) -> Level:
    gap = now - level.needed
    if gap <= RELEASE_SECONDS:
        return Level(now, max(level.hold, shortest))
    if gap <= SOON_STARTUPS * startup:
        longest = LONGEST_STARTUPS * startup
        return Level(now, max(shortest, min(longest, max(level.hold, STRETCH * gap))))
    return Level(now, max(shortest, level.hold / 2))
