"""To zero on proof, and back when told.

The proof is positive: every wanted replica is ready, and every ready pod is heard, has nothing in flight and says for
how long. A pod that starts, a silent one and a page that stands still prove nothing, so that the time begins anew
after them. A fleet that was told to wake is kept for as long as an idle one is, from its first ready replica on.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from llmfleet.core.scaling.load import Tick
from llmfleet.core.scaling.sample import Sample


@dataclass(frozen=True)
class Rest:
    """What is remembered of idleness and of the last call to wake."""

    idle_since: float | None = None
    """Since when every look has proven it; None while nothing is proven."""
    woken: int = 0
    """Replicas that somebody asked for."""
    awake_until: float = -math.inf
    """Until when they are kept."""

    def look(self, tick: Tick, size: int, now: float, keep_seconds: float) -> "Rest":
        """One look at all ready pods, of which ``size`` are wanted."""
        until = now + keep_seconds if self.floor(now) and not tick.ready else self.awake_until
        idle = idle_seconds(tick.samples) if 0 < size <= tick.ready else None
        if idle is None:
            return replace(self, idle_since=None, awake_until=until)
        since = now if self.idle_since is None else max(self.idle_since, now - idle)
        return replace(self, idle_since=since, awake_until=until)

    def wake(self, replicas: int, now: float, keep_seconds: float) -> "Rest":
        """Somebody asked for so many replicas."""
        return Rest(woken=replicas, awake_until=now + keep_seconds)

    def floor(self, now: float) -> int:
        """Replicas that are kept because somebody asked for them."""
        return self.woken if now < self.awake_until else 0

    def idle(self, now: float) -> float:
        """For how long nobody has asked anything, provably, seconds."""
        return 0.0 if self.idle_since is None else now - self.idle_since


def idle_seconds(samples: Sequence[Sample]) -> float | None:
    """How long all pods have been idle, by their own words; None when one of them is not, or does not say so."""
    told = [each.idle_seconds if each.running == each.waiting == 0 else None for each in samples]
    return min((each for each in told if each), default=None) if told and all(told) else None
