"""A replay for people and for programs: where it differs from what was done, and what that is worth."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from llmfleet.core.scaling.recorded import Step

BRIEF_SECONDS = 60.0
"""The operator looks more often than it was recorded: what was set right within this time is no difference."""
MOST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Difference:
    """A time in which another size was called for, with the first reason."""

    start: float
    end: float
    size: int
    """That stood at its start."""
    wanted: int
    """That was farthest from it."""
    why: str
    message: str


@dataclass(frozen=True)
class Replayed:
    """One policy over one time."""

    policy: str
    steps: tuple[Step, ...]
    differences: tuple[Difference, ...]

    @property
    def agreement(self) -> float:
        """Share of the looks at which nothing else was called for."""
        return sum(each.agrees for each in self.steps) / len(self.steps) if self.steps else 1.0

    @property
    def replica_hours(self) -> tuple[float, float]:
        """Those that stood, and those that were called for."""
        seconds = self.steps[1].time - self.steps[0].time if len(self.steps) > 1 else 0.0
        stood, called = sum(each.size for each in self.steps), sum(each.decided for each in self.steps)
        return stood * seconds / 3600, called * seconds / 3600


def replayed(policy: str, steps: Sequence[Step]) -> Replayed:
    """Steps that disagree one after another in the same direction are one difference; brief ones are none."""
    found: list[list[Step]] = []
    for each in steps:
        if each.agrees:
            found.append([])
        elif found and found[-1] and _is_more(found[-1][-1]) == _is_more(each):
            found[-1].append(each)
        else:
            found.append([each])
    long = (run for run in found if run and run[-1].time - run[0].time >= BRIEF_SECONDS)
    return Replayed(policy, tuple(steps), tuple(map(_difference, long)))


def _is_more(step: Step) -> bool:
    return step.decided > step.size


def _difference(run: Sequence[Step]) -> Difference:
    farthest = max(run, key=lambda each: abs(each.decided - each.size))
    return Difference(run[0].time, run[-1].time, run[0].size, farthest.decided, farthest.why, farthest.message)


def text(told: Sequence[Replayed]) -> str:
    """A line of numbers for each policy, and its differences."""
    return "\n\n".join("\n".join(_lines(each)) for each in told)


def _lines(told: Replayed) -> list[str]:
    stood, called = told.replica_hours
    hours = f"{stood:.1f} replica-hours stood, {called:.1f} were called for"
    lines = [f"{told.policy}: {len(told.steps)} looks, {told.agreement:.1%} as it was; {hours}"]
    for each in told.differences[:MOST_SHOWN]:
        span = f"{_clock(each.start)} to {_clock(each.end)}"
        lines.append(f"  {span}  {each.size} stood, {each.wanted} wanted  {each.why}: {each.message}")
    left = len(told.differences) - MOST_SHOWN
    return [*lines, *([f"  ... and {left} more; -o json shows all"] if left > 0 else [])]


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def document(told: Sequence[Replayed]) -> dict[str, Any]:
    """JSON: shares from 0 to 1, Unix times."""
    return {
        "policies": [
            {
                "policy": each.policy,
                "looks": len(each.steps),
                "agreement": each.agreement,
                "replicaHours": dict(zip(("stood", "calledFor"), each.replica_hours, strict=True)),
                "differences": [asdict(difference) for difference in each.differences],
            }
            for each in told
        ]
    }
