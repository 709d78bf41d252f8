"""How long a replica takes from being wanted until it serves: as pods tell, else learned from sizes and ready pods."""

from dataclasses import dataclass, replace

ASSUMED_SECONDS = 120.0
MOST_SECONDS = 3600.0
REMEMBERED = 16
MARGIN = 1.15
LOOK_SECONDS = 10.0
STUCK = 2.0
"""A start that takes so many times as long as usual does not come."""
STUCK_SECONDS = 600.0
"""At least."""


@dataclass(frozen=True)
class Startup:
    """Starts under way and starts that were measured."""

    wanted: tuple[float, ...] = ()
    """When each replica that is not ready yet was asked for, oldest first."""
    measured: tuple[float, ...] = ()
    """Seconds, the last sixteen."""
    told: tuple[float, ...] = ()
    """Seconds, as pods told; while there are any, what was measured from outside does not count."""
    ready: int | None = None

    def look(self, size: int, ready: int, now: float) -> "Startup":
        """``size`` is wanted now and ``ready`` of them serve. What became ready is the oldest that was asked for."""
        if self.ready is None:
            return replace(self, ready=ready)
        came = max(0, ready - self.ready)
        took = tuple(now - since for since in self.wanted[:came] if now - since <= MOST_SECONDS)
        missing = max(0, size - ready)
        waiting = self.wanted[came:][:missing]
        waiting += (now,) * (missing - len(waiting))
        return replace(self, wanted=waiting, measured=(*self.measured, *took)[-REMEMBERED:], ready=ready)

    def hear(self, told: tuple[float, ...]) -> "Startup":
        """Take what pods tell of their starts; one that waited an hour for a node says nothing of the next."""
        return replace(self, told=tuple(each for each in told if each <= MOST_SECONDS))

    def next_ready(self, now: float) -> float:
        """Until the next replica may be ready, seconds."""
        return max(0.0, self.seconds - (now - self.wanted[0])) if self.wanted else self.seconds

    def stuck(self, now: float) -> int:
        """Replicas that should have been ready long ago."""
        limit = max(STUCK_SECONDS, STUCK * self.seconds)
        return sum(now - since > limit for since in self.wanted)

    @property
    def seconds(self) -> float:
        """The longest but one in ten; assumed while nothing was measured."""
        ranked = sorted(self.told or self.measured)
        if not ranked:
            return ASSUMED_SECONDS
        return ranked[min(len(ranked) - 1, int(0.9 * len(ranked)))]

    @property
    def horizon(self) -> float:
        """How far to look ahead so that a start is over when its replica is needed, seconds."""
        return self.seconds * MARGIN + LOOK_SECONDS
