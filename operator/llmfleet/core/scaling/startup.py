"""How long a replica takes from being wanted until it serves, learned from sizes and ready pods alone."""

from dataclasses import dataclass, replace

ASSUMED_SECONDS = 120.0
MOST_SECONDS = 3600.0
REMEMBERED = 16
MARGIN = 1.15
LOOK_SECONDS = 10.0


@dataclass(frozen=True)
class Startup:
    """Starts under way and starts that were measured."""

    wanted: tuple[float, ...] = ()
    """When each replica that is not ready yet was asked for, oldest first."""
    measured: tuple[float, ...] = ()
    """Seconds, the last sixteen."""
    ready: int | None = None

    def look(self, size: int, ready: int, now: float) -> "Startup":
        """``size`` is wanted now and ``ready`` of them serve. What became ready is the oldest that was asked for."""
        came = max(0, ready - self.ready) if self.ready is not None else 0
        took = tuple(now - since for since in self.wanted[:came] if now - since <= MOST_SECONDS)
        missing = max(0, size - ready)
        waiting = self.wanted[came:][:missing]
        waiting += (now,) * (missing - len(waiting)) if self.ready is not None else ()
        return replace(self, wanted=waiting, measured=(*self.measured, *took)[-REMEMBERED:], ready=ready)

    @property
    def seconds(self) -> float:
        """The longest but one in ten; assumed while nothing was measured."""
        if not self.measured:
            return ASSUMED_SECONDS
        ranked = sorted(self.measured)
        return ranked[min(len(ranked) - 1, int(0.9 * len(ranked)))]

    @property
    def horizon(self) -> float:
        """How far to look ahead so that a start is over when its replica is needed, seconds."""
        return self.seconds * MARGIN + LOOK_SECONDS
