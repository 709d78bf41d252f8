"""How many requests per second come, how unevenly, and how many will when a replica started now is ready."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from llmfleet.core.scaling.flow import Flow, recent

TREND_WINDOWS = (60.0, 120.0, 300.0)
"""Seconds over which a trend may show."""
SURE = 4.0
"""Standard errors that a slope must be away from none."""
MOST_GROWTH = 2.0
SURGING = 1.5
"""A surge is so many times the minute's mean."""
LASTED = 0.6
"""It has lasted when a minute later so much of it is the minute's mean."""
RISING = 1.05
"""A trend that leads to so many times what is there is remembered."""
BIN_SECONDS = 5.0
SURGES = ((30.0, 2.5), (20.0, 4.0), (10.0, 6.0))
"""Shorter windows that count when both halves are so many standard deviations above the minute's mean."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Requests per second."""

    now: float
    """What is needed at once."""
    minute: float
    """Mean of the last minute."""
    ahead: float
    """What is needed when a replica started now is ready."""
    clumping: float
    """Variance over mean of the arrivals in five seconds: 1 is Poisson."""


@dataclass(frozen=True, slots=True)
class Surges:
    """Whether surges last: what comes for ten seconds only is over before a replica is ready."""

    lasting: float = 1.0
    """Share of the last surges that lasted, weighted by how late they came."""
    began: float | None = None
    """When the one under way began; None without one."""
    level: float = 0.0
    """Its requests per second."""

    def look(self, coming: Demand, now: float) -> "Surges":
        """With what is coming now."""
        if self.began is None:
            return Surges(self.lasting, now, coming.now) if coming.now > SURGING * coming.minute else self
        if now - self.began < 60.0:
            return self
        return Surges((self.lasting + (coming.minute >= LASTED * self.level)) / 2)

    def believed(self, coming: Demand) -> Demand:
        """With as much of a surge as surges use to last."""
        return replace(coming, now=coming.minute + self.lasting * (coming.now - coming.minute))


@dataclass(frozen=True, slots=True)
class Trends:
    """Whether what was foreseen comes: noise and swells look like ramps for a minute."""

    kept: float = 0.5
    """Share of what trends promised that came, weighted by how late they were; half of it before any was seen."""
    due: float | None = None
    """When the one under way should have come; None without one."""
    begin: float = 0.0
    """Requests per second when it was seen."""
    promised: float = 0.0
    """What it led to."""
    reached: float = 0.0
    """The most that came of it."""

    def look(self, coming: Demand, now: float, horizon: float) -> "Trends":
        """With what is coming now, before any of it is doubted."""
        if self.due is None:
            if coming.ahead <= RISING * coming.now:
                return self
            return Trends(self.kept, now + horizon, coming.now, coming.ahead, coming.now)
        reached = max(self.reached, coming.now)
        if now < self.due:
            return replace(self, reached=reached)
        share = min(1.0, (reached - self.begin) / (self.promised - self.begin))
        return Trends((self.kept + share) / 2)

    def believed(self, coming: Demand) -> Demand:
        """With as much of a trend as trends use to keep."""
        if coming.ahead <= coming.now:
            return coming
        return replace(coming, ahead=coming.now + self.kept * (coming.ahead - coming.now))

    def undoubted(self, coming: Demand) -> Demand:
        """With all that the trend under way leads to: what is taken where nothing can be seen."""
        return coming if self.due is None else replace(coming, ahead=max(coming.ahead, self.promised))


def demand(flows: Sequence[Flow], now: float, horizon: float) -> Demand:
    """``flows`` ascending in time; ``horizon`` in seconds."""
    minute = rate(flows, now, 60.0)
    clumping = _clumping(flows, now, minute)
    needed = minute
    for window, surge in SURGES:
        surging = min(rate(flows, now, window / 2), rate(flows, now - window / 2, window / 2))
        if surging > minute + surge * math.sqrt(clumping * max(minute, 0.05) / window):
            needed = max(needed, surging)
    return Demand(needed, minute, max(minute, _trend(flows, now, horizon, clumping)), clumping)


def rate(flows: Sequence[Flow], now: float, window: float) -> float:
    """Mean requests per second over the window before ``now``, or over as much of it as was seen."""
    within = recent(flows, now, window)
    seconds = sum(each.seconds for each in within)
    return sum(each.arrivals * each.seconds for each in within) / seconds if seconds else 0.0


def _bins(flows: Sequence[Flow], now: float, window: float) -> list[float]:
    """Requests per second in bins of five seconds, oldest first; only bins that were seen."""
    count = int(window / BIN_SECONDS)
    came, seconds = [0.0] * count, [0.0] * count
    for each in recent(flows, now, count * BIN_SECONDS):
        at = count - 1 - int((now - each.time) / BIN_SECONDS)
        came[at] += each.arrivals * each.seconds
        seconds[at] += each.seconds
    return [part / whole for part, whole in zip(came, seconds, strict=True) if whole]


def _clumping(flows: Sequence[Flow], now: float, minute: float) -> float:
    """From the differences of neighbours, so that a trend or a step is not taken for noise."""
    bins = _bins(flows, now, 300.0)
    if len(bins) < 6 or minute <= 0:
        return 1.0
    squares = [(after - before) ** 2 / 2 for before, after in pairwise(bins)]
    return max(1.0, sum(squares) / len(squares) * BIN_SECONDS / max(minute, sum(bins) / len(bins)))


def _trend(flows: Sequence[Flow], now: float, horizon: float, clumping: float) -> float:
    """The largest rate that a window's sure trend leads to; 0 when none is sure."""
    found = [_drawn_out(_bins(flows, now, window), window, horizon, clumping) for window in TREND_WINDOWS]
    return max(found)


def _drawn_out(bins: Sequence[float], window: float, horizon: float, clumping: float) -> float:
    """A straight line through the bins, continued; 0 unless it rises beyond doubt, straight, and still."""
    count = len(bins)
    if count < int(window / BIN_SECONDS) or not _still_climbs(bins):
        return 0.0
    middle, mean = (count - 1) / 2, sum(bins) / count
    spread = sum((at - middle) ** 2 for at in range(count))
    slope = sum((at - middle) * (each - mean) for at, each in enumerate(bins)) / spread
    explained, total = slope * slope * spread, sum((each - mean) ** 2 for each in bins)
    error = math.sqrt(max((total - explained) / max(1, count - 2), clumping * mean / BIN_SECONDS) / spread)
    if slope < SURE * error or _jump(bins, mean) > explained:
        return 0.0
    level = mean + slope * middle
    reach = min(horizon, window) / BIN_SECONDS  # no longer than it was seen
    return min(level + (slope - error) * reach, MOST_GROWTH * level)


def _jump(bins: Sequence[float], mean: float) -> float:
    """How much of the variation one jump between two levels explains at best: a ramp is better explained by a line."""
    below, best, count = 0.0, 0.0, len(bins)
    for size, each in enumerate(bins[:-1], start=1):
        below += each - mean
        best = max(best, below * below * (1 / size + 1 / (count - size)))
    return best


def _still_climbs(bins: Sequence[float]) -> bool:
    """The last quarter has gone up, too, by no less than a third of what the quarters go up on average."""
    edges = [len(bins) * part // 4 for part in range(5)]
    means = [sum(bins[low:high]) / max(1, high - low) for low, high in pairwise(edges)]
    rise = (means[-1] - means[0]) / 3
    return rise > 0 and means[-1] - means[-2] >= rise / 3
