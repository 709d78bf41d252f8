"""Synthetic traces: a rate over time, gamma-distributed gaps, sizes from a table."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from llmfleet.core.simulation.chance import Chance
from llmfleet.core.simulation.request import Arrival

Rate = Callable[[float], float]
"""Requests per second at a time."""
Knots = tuple[tuple[float, float], ...]
"""(Quantile, tokens), ascending, from 0 to 1."""
SLICE_SECONDS = 1.0


@dataclass(frozen=True)
class Sizes:
    """How long prompts and answers are, as quantiles."""

    prompt: Knots
    output: Knots

    def draw(self, chance: Chance) -> tuple[int, int]:
        """Prompt and output tokens of one request."""
        return _between(self.prompt, chance.random()), _between(self.output, chance.random())


CHAT = Sizes(
    ((0, 4), (0.05, 181), (0.25, 396), (0.5, 1020), (0.75, 1189), (0.9, 2735), (0.95, 4083), (1, 4200)),
    ((0, 8), (0.05, 41), (0.25, 85), (0.5, 129), (0.75, 395), (0.9, 424), (0.95, 451), (1, 700)),
)
"""Quantiles of Azure's 2023 trace of conversations."""


def _between(knots: Knots, quantile: float) -> int:
    at = min(bisect_right(knots, (quantile, math.inf)), len(knots) - 1)
    (low, first), (high, last) = knots[at - 1], knots[at]
    return max(1, round(first + (last - first) * (quantile - low) / (high - low)))


def arrivals(rate: Rate, seconds: float, sizes: Sizes, chance: Chance, variation: float = 1.1) -> Iterator[Arrival]:
    """A renewal process in the time of the summed-up rate.

    ``variation`` is that of the gaps, standard deviation over mean: 1 is Poisson, 4 comes in bursts.
    """
    shape = 1.0 / variation**2
    slices = [rate((number + 0.5) * SLICE_SECONDS) * SLICE_SECONDS for number in range(int(seconds / SLICE_SECONDS))]
    upto = [0.0, *accumulate(slices)]
    work = chance.gammavariate(shape, 1.0 / shape)
    for number, (low, high) in enumerate(pairwise(upto)):
        while low <= work < high:
            time = (number + (work - low) / (high - low)) * SLICE_SECONDS
            yield Arrival(time, *sizes.draw(chance))
            work += chance.gammavariate(shape, 1.0 / shape)


def step(low: float, high: float, start: float, end: float) -> Rate:
    """``high`` between two times, else ``low``."""
    return lambda time: high if start <= time < end else low


def ramp(low: float, high: float, start: float, end: float) -> Rate:
    """From ``low`` to ``high`` in a straight line between two times."""
    return lambda time: low + (high - low) * min(1.0, max(0.0, (time - start) / (end - start)))


def square(low: float, high: float, period: float) -> Rate:
    """Half a period ``low``, then half a period ``high``."""
    return lambda time: low if time % period < period / 2 else high


def diurnal(low: float, high: float, period: float) -> Rate:
    """A sine wave from its trough."""
    return lambda time: low + (high - low) * (1 - math.cos(2 * math.pi * time / period)) / 2


def profile(hourly: Sequence[float]) -> Rate:
    """Hourly means, straight lines between the middles of the hours."""
    middles = [(number + 0.5) * 3600 for number in range(len(hourly))]

    def rate(time: float) -> float:
        at = bisect_right(middles, time)
        if at in (0, len(middles)):
            return hourly[min(at, len(middles) - 1)]
        share = (time - middles[at - 1]) / 3600
        return hourly[at - 1] * (1 - share) + hourly[at] * share

    return rate


NAMED: Mapping[str, tuple[Callable[[float], Rate], float, float]] = {
    "step": (lambda mean: step(mean, 4 * mean, 600, 1200), 2400, 1.1),
    "ramp": (lambda mean: ramp(mean, 6 * mean, 600, 960), 2400, 1.1),
    "square": (lambda mean: square(mean, 4 * mean, 1200), 7200, 1.1),
    "flash": (lambda mean: step(mean, 6 * mean, 600, 660), 1800, 1.1),
    "diurnal": (lambda mean: diurnal(mean / 2, 3 * mean, 14_400), 14_400, 1.1),
    "gamma": (lambda mean: lambda _: 2 * mean, 3600, 4.0),
}
"""By name: the rate over a base rate, the length in seconds, and the variation of the gaps."""
