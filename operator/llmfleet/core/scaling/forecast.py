"""How many requests per second come, how unevenly, and how many will when a replica started now is ready."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llmfleet.core.scaling.flow import Flow

TREND_WINDOWS = (60.0, 120.0, 300.0)
"""Seconds over which a trend may show."""
SURE = 4.0
"""Standard errors that a slope must be away from none."""
FARTHEST = 2.5
"""A trend is drawn out for at most so many windows."""
MOST_GROWTH = 2.0
BIN_SECONDS = 10.0
SURGE = 2.5
"""Standard deviations above the minute's mean at which the last half minute counts."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Requests per second."""

    now: float
    """What is needed at once."""
    ahead: float
    """What is needed when a replica started now is ready."""
    clumping: float
    """Variance over mean of the arrivals in ten seconds: 1 is Poisson."""


def demand(flows: Sequence[Flow], now: float, horizon: float) -> Demand:
    """``flows`` ascending in time; ``horizon`` in seconds."""
    minute, half = rate(flows, now, 60.0), rate(flows, now, 30.0)
    clumping = _clumping(flows, now, minute)
    noise = math.sqrt(clumping * max(minute, 0.05) / 30.0)
    needed = half if half > minute + SURGE * noise else minute
    return Demand(needed, max(minute, _trend(flows, now, horizon, clumping)), clumping)


def rate(flows: Sequence[Flow], now: float, window: float) -> float:
    """Mean requests per second over the window, or over as much of it as was seen."""
    within = [each for each in flows if now - each.time < window]
    seconds = sum(each.seconds for each in within)
    return sum(each.arrivals * each.seconds for each in within) / seconds if seconds else 0.0


def _bins(flows: Sequence[Flow], now: float, window: float) -> list[float]:
    """Requests per second in bins of ten seconds, oldest first; only bins that were seen."""
    count = int(window / BIN_SECONDS)
    came, seconds = [0.0] * count, [0.0] * count
    for each in flows:
        at = count - 1 - int((now - each.time) / BIN_SECONDS)
        if at >= 0:
            came[at] += each.arrivals * each.seconds
            seconds[at] += each.seconds
    return [part / whole for part, whole in zip(came, seconds, strict=True) if whole]


def _clumping(flows: Sequence[Flow], now: float, minute: float) -> float:
    """From the differences of neighbours, so that a trend or a step is not taken for noise."""
    bins = _bins(flows, now, 300.0)
    if len(bins) < 6 or minute <= 0:
        return 1.0
    squares = sorted((after - before) ** 2 / 2 for before, after in zip(bins, bins[1:], strict=False))
    kept = squares[: max(1, len(squares) - 2)]
    return max(1.0, sum(kept) / len(kept) * BIN_SECONDS / minute)


def _trend(flows: Sequence[Flow], now: float, horizon: float, clumping: float) -> float:
    """The largest rate that a window's sure trend leads to; 0 when none is sure."""
    found = [_drawn_out(_bins(flows, now, window), window, horizon, clumping) for window in TREND_WINDOWS]
    return max(found)


def _drawn_out(bins: Sequence[float], window: float, horizon: float, clumping: float) -> float:
    """A straight line through the bins, continued; 0 unless it rises beyond doubt and still does."""
    count = len(bins)
    if count < int(window / BIN_SECONDS) or not _climbs(bins):
        return 0.0
    middle, mean = (count - 1) / 2, sum(bins) / count
    spread = sum((at - middle) ** 2 for at in range(count))
    slope = sum((at - middle) * (each - mean) for at, each in enumerate(bins)) / spread
    residual = sum((each - mean - slope * (at - middle)) ** 2 for at, each in enumerate(bins)) / max(1, count - 2)
    error = math.sqrt(max(residual, clumping * mean / BIN_SECONDS) / spread)
    if slope < SURE * error:
        return 0.0
    level = mean + slope * middle
    reach = min(horizon, FARTHEST * window) / BIN_SECONDS
    return min(level + (slope - error) * reach, MOST_GROWTH * level)


def _climbs(bins: Sequence[float]) -> bool:
    """Each quarter is above the one before, and the last step is no smaller than 0.6 of the mean step."""
    edges = [len(bins) * part // 4 for part in range(5)]
    means = [sum(bins[low:high]) / max(1, high - low) for low, high in zip(edges, edges[1:], strict=False)]
    steps = [after - before for before, after in zip(means, means[1:], strict=False)]
    return all(step > 0 for step in steps) and steps[-1] >= 0.6 * sum(steps) / len(steps)
