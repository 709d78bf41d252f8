"""How long a replica is kept that is not needed: learned for each level of the fleet, not one window for all.

Level ``j`` is needed while ``j`` replicas are wanted. One that is needed again soon after it was last needed is kept
longer from then on; one that was not missed for long is kept for the shortest time again. One that has come back too
often within an hour is kept for the rest of it, and so is every one below; those above go.
"""

from dataclasses import dataclass, replace

SHORTEST_SECONDS = 120.0
STARTUPS = 2.0
"""Shortest time, in start-ups: keeping costs as much as starting anew."""
SOON_STARTUPS = 6.0
LONGEST_STARTUPS = 7.5
STRETCH = 1.25
RELEASE_SECONDS = 30.0
RELEASE_SHARE = 0.2
MOST_TURNS = 4
TURN_SECONDS = 3600.0
"""A level at or above which the fleet has turned so often from shrinking to growing within an hour is kept."""


@dataclass(frozen=True, slots=True)
class Level:
    """One replica's place in the fleet."""

    needed: float
    """When it was last needed."""
    hold: float
    """How long it is kept, seconds."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The fleet grew after it had shrunk."""

    time: float
    level: int
    """The lowest replica that was asked for again, counted from one."""


@dataclass(frozen=True, slots=True)
class Release:
    """What may go."""

    size: int
    said: str
    is_turning: bool = False
    """Whether nothing may go because the fleet has turned too often at this size."""


@dataclass(frozen=True)
class Keep:
    """All levels, the first replica's first."""

    levels: tuple[Level, ...] = ()
    released: float = float("-inf")
    """When replicas were last released."""
    turns: tuple[Turn, ...] = ()
    """Those of the last hour."""
    was_shrinking: bool = False

    def look(self, sizes: tuple[int, int, int], size: int, now: float, startup: float) -> "Keep":
        """Of ``sizes`` the first is needed by what comes now, the second by what is foreseen, the third is wanted.

        ``size`` is the present one, times in seconds. What is only foreseen or asked for is kept and teaches nothing.
        """
        present, needed, wanted = sizes
        shortest = max(SHORTEST_SECONDS, STARTUPS * startup)
        known = (*self.levels, *[Level(now, shortest)] * (max(wanted, size) - len(self.levels)))
        used = tuple(_used(each, now, startup, shortest) for each in known[:present])
        # What is asked for is a start, and worth as much as any other.
        there = max(needed, wanted if wanted > size else 0)
        foreseen = tuple(Level(now, max(each.hold, shortest)) for each in known[len(used) : there])
        turns = tuple(each for each in self.turns if now - each.time < TURN_SECONDS)
        if wanted > size and self.was_shrinking:
            turns = (*turns, Turn(now, size + 1))
        shrinking = self.was_shrinking and wanted <= size
        levels = (*used, *foreseen, *known[max(present, there) :])
        return replace(self, levels=levels, turns=turns, was_shrinking=shrinking)

    def release(self, wanted: int, floor: int, size: int, now: float) -> tuple[Release, "Keep"]:
        """The size after what is due now is released, not below ``floor``, and what to remember."""
        turned = sorted((each.level for each in self.turns), reverse=True)[MOST_TURNS - 1 :]
        if turned and turned[0] >= size:
            return Release(size, f"turned {len(self.turns)} times within an hour: {size}", is_turning=True), self
        due = [each.needed + each.hold for each in self.levels[wanted:size]]
        free = next((number for number, time in enumerate(reversed(due)) if time > now), len(due))
        after = max(floor, *turned[:1], size - min(free, max(1, int(size * RELEASE_SHARE))))
        if after >= size:
            why = f"kept {due[-1] - now:.0f} s longer" if not free else "needed lately"
            return Release(size, f"{why}: {size}"), self
        if now - self.released < RELEASE_SECONDS:
            return Release(size, f"one step in {RELEASE_SECONDS:.0f} s: {size}"), self
        return Release(after, f"not needed for long: {after}"), replace(self, released=now, was_shrinking=True)


def _used(level: Level, now: float, startup: float, shortest: float) -> Level:
    gap = now - level.needed
    if gap <= RELEASE_SECONDS:
        return Level(now, max(level.hold, shortest))
    if gap <= SOON_STARTUPS * startup:
        longest = LONGEST_STARTUPS * startup
        return Level(now, max(shortest, min(longest, max(level.hold, STRETCH * gap))))
    return Level(now, max(shortest, level.hold / 2))
