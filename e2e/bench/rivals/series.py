"""Made series of requests in flight, one value a look, and what our re-implementation makes of one."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from e2e.bench.autoscaling.rivals import HPA, MOST
from llmfleet.core.scaling.load import Tick

LOOKS = 150
TARGET = 10.0

Series = Callable[[int, random.Random], float]
"""(number of the look, chance) -> requests in flight."""
SERIES: Mapping[str, Series] = {
    "ramp": lambda look, chance: 5 + 2.5 * look * (1 if look < 75 else 0.4) + chance.gauss(0, 4),
    "step": lambda look, chance: (25 if look % 60 < 30 else 240) + chance.gauss(0, 6),
    "wave": lambda look, chance: 150 - 140 * math.cos(look / 12) + chance.gauss(0, 10),
    "flash": lambda look, chance: 600 if look % 50 in (20, 21) else 30 + chance.gauss(0, 3),
    "noise": lambda _, chance: chance.uniform(0, 400),
    "edge": lambda look, chance: TARGET * (4 + look // 40) * chance.uniform(0.88, 1.12),
    "nothing": lambda look, chance: 0 if look % 40 < 20 else chance.uniform(0, 90),
}


def made(name: str) -> tuple[int, ...]:
    """Of so many looks; the same each time."""
    chance = random.Random(len(name) + sum(map(ord, name)))  # noqa: S311 because nothing is kept secret by it
    return tuple(max(0, round(SERIES[name](look, chance))) for look in range(LOOKS))


@dataclass(frozen=True, slots=True)
class Look:
    """One look of the rival itself."""

    time: float
    """Seconds, by the rival's own clock."""
    value: float
    size: int
    """Before it decided."""


def decided(looks: Sequence[Look], time_scale: float) -> list[int]:
    """The size that our rule decides on at each look; time runs ``time_scale`` times as fast in it."""
    rule = HPA(TARGET)
    return [_decided(rule, each, time_scale) for each in looks]


def _decided(rule: HPA, look: Look, time_scale: float) -> int:
    seen = Tick(look.time * time_scale, look.size, look.size, look.value, 0.0, 0.0)
    return min(MOST, max(1, rule.wanted(seen, look.size)))


def agreement(looks: Sequence[Look], time_scale: float) -> tuple[int, int]:
    """Decisions that are alike, of how many: what each look led to is the size of the next one."""
    ours = decided(looks, time_scale)
    return sum(said == after.size for said, after in zip(ours, looks[1:], strict=False)), len(looks) - 1
