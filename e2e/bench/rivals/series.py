"""Made series of a load, one value a look, and what our re-implementation makes of one.

The HPA controller looks every two seconds instead of every fifteen, and all that the rivals' rules say in seconds is
shorter by as much. Ours runs on the rivals' own clock, stretched by the same factor: the same series at the same looks.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from e2e.bench.autoscaling.rivals import HPA, MOST
from llmfleet.core.scaling.load import Tick

LOOKS = 120
LOOK_SECONDS = 2.0
TIME_SCALE = 15.0 / LOOK_SECONDS
"""The controller looks every 15 s unless told otherwise."""
TARGET = 10.0

Load = float | None
"""None when nobody can say."""
Series = Callable[[int, random.Random], Load]
"""(number of the look, chance) -> requests."""
SERIES: Mapping[str, Series] = {
    "ramp": lambda look, chance: 5 + 2.5 * look * (1 if look < 60 else 0.4) + chance.gauss(0, 4),
    "step": lambda look, chance: (25 if look % 60 < 30 else 240) + chance.gauss(0, 6),
    "wave": lambda look, chance: 150 - 140 * math.cos(look / 12) + chance.gauss(0, 10),
    "flash": lambda look, chance: 600 if look % 50 in (20, 21) else 30 + chance.gauss(0, 3),
    "noise": lambda _, chance: chance.uniform(0, 400),
    "edge": lambda look, chance: TARGET * (4 + look // 30) * chance.uniform(0.88, 1.12),
    "nothing": lambda look, chance: 0 if look % 40 < 20 else chance.uniform(0, 90),
    "silence": lambda look, chance: (
        None if 30 <= look < 60 or look % 20 == 19 else (200 if look < 30 else 20) + chance.gauss(0, 5)
    ),
}
"""The silence in the middle is longer than the window in which the HPA remembers."""


def made(name: str) -> tuple[int | None, ...]:
    """Of so many looks; the same each time."""
    chance = random.Random(sum(map(ord, name)))  # noqa: S311 because nothing is kept secret by it
    values = (SERIES[name](look, chance) for look in range(LOOKS))
    return tuple(None if each is None else max(0, round(each)) for each in values)


@dataclass(frozen=True, slots=True)
class Trial:
    """One series, and our rule that stands beside the rival."""

    series: str
    rule: Callable[[float], HPA]
    """Given the target, a fresh one."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look of the rival itself."""

    time: float
    """Seconds, by the rival's own clock."""
    value: Load
    size: int
    """Before it decided."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Over one series or several."""

    decisions: int = 0
    alike: int = 0
    changes: int = 0
    """Decisions in which the rival changed the size."""
    changes_alike: int = 0

    def __add__(self, other: "Agreement") -> "Agreement":
        """Both together."""
        return Agreement(
            self.decisions + other.decisions,
            self.alike + other.alike,
            self.changes + other.changes,
            self.changes_alike + other.changes_alike,
        )

    @property
    def percent(self) -> float:
        """Of the decisions, those that are alike."""
        return 100 * self.alike / self.decisions


def decided(trial: Trial, looks: Sequence[Look]) -> list[int]:
    """The size that our rule decides on at each look, given the size that the rival had brought about."""
    rule = trial.rule(TARGET)
    return [_decided(rule, each) for each in looks]


def _decided(rule: HPA, look: Look) -> int:
    heard = 0 if look.value is None else look.size
    seen = Tick(look.time * TIME_SCALE, look.size, heard, running=0.0, waiting=look.value or 0.0, busiest=0.0)
    return min(MOST, max(1, rule.wanted(seen, look.size)))


def agreement(trial: Trial, looks: Sequence[Look]) -> Agreement:
    """What each look led to is the size of the next one."""
    found = Agreement()
    for ours, look, after in zip(decided(trial, looks), looks, looks[1:], strict=False):
        is_alike, is_change = ours == after.size, after.size != look.size
        found += Agreement(1, is_alike, is_change, is_alike and is_change)
    return found
