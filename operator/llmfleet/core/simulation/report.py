"""Outcomes for people and for programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from llmfleet.core.simulation.outcome import Outcome, Promise

COLUMNS = ("policy", "attained", "worst 5 min", "first token p99", "GPU-hours", "replica-hours", "changes", "flips",
           "most replicas", "recovery", "refused")  # fmt: skip
MOST_CHANGES = 20
PLOTTED = frozenset({"slices", "came", "sizes"})
"""Series that the picture shows."""


@dataclass(frozen=True)
class Told:
    """One policy's outcome."""

    policy: str
    outcome: Outcome
    promise: Promise
    begin: str = ""
    """When its second 0 is, RFC 3339; empty for a policy that does not go by the clock."""

    @property
    def recovery(self) -> float | None:
        """Seconds from the first ten seconds that were not well until two minutes were; None: never, 0: no need."""
        bad = next((at for at, share in enumerate(self.outcome.slices) if share is not None and share < 0.95), None)
        return 0.0 if bad is None else self.outcome.recovery(bad * 10.0)


def text(told: Sequence[Told]) -> str:
    """A table, and the changes of the last policy when there is only one."""
    promise = told[0].promise
    rows = [COLUMNS, *map(_row, told)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    head = (
        f"attained: first token within {promise.time_to_first_token * 1000:.0f} ms and "
        f"{promise.time_per_output_token * 1000:.0f} ms per token, of {told[0].outcome.requests} requests"
    )
    changes = _changes(told[0].outcome) if len(told) == 1 else []
    return "\n".join([head, *_clock(told), "", *lines, *_slept(told), *changes])


def _clock(told: Sequence[Told]) -> list[str]:
    begin = next((each.begin for each in told if each.begin), "")
    return [f"schedules: second 0 is {begin}; --begin sets another time"] if begin else []


def _slept(told: Sequence[Told]) -> list[str]:
    """What the numbers of a fleet mean that went to zero."""
    slept = [each.policy for each in told if any(change.after == 0 for change in each.outcome.changes)]
    if not slept:
        return []
    return ["", f"went to zero: {', '.join(slept)}. Nothing holds what comes then: it is refused, and not attained.",
            "Only a schedule starts a fleet again here; in a cluster `llmfleet wake` does, too."]  # fmt: skip


def _row(told: Told) -> tuple[str, ...]:
    outcome, recovery = told.outcome, told.recovery
    return (
        told.policy,
        f"{outcome.attained:.1%}",
        f"{outcome.worst:.1%}",
        f"{outcome.first_token_p99:.2f} s",
        f"{outcome.gpu_hours:.2f}",
        f"{outcome.replica_hours:.2f}",
        str(len(outcome.changes)),
        str(outcome.flips),
        str(outcome.largest),
        "never" if recovery is None else f"{recovery:.0f} s",
        str(outcome.refused),
    )


def _changes(outcome: Outcome) -> list[str]:
    shown = outcome.changes[:MOST_CHANGES]
    lines = [f"{each.time:7.0f} s  {each.before:3d} -> {each.after:<3d}  {each.why}" for each in shown]
    left = len(outcome.changes) - len(shown)
    return ["", *lines, *([f"... and {left} more; -o json shows all"] if left else [])]


def document(told: Sequence[Told]) -> dict[str, Any]:
    """JSON: shares from 0 to 1, times in seconds."""
    return {
        "promise": asdict(told[0].promise),
        "policies": [
            {"policy": each.policy, "begin": each.begin or None, "recovery": each.recovery, **_members(each.outcome)}
            for each in told
        ],
    }


def _members(outcome: Outcome) -> dict[str, Any]:
    members = {name: value for name, value in asdict(outcome).items() if name not in PLOTTED}
    return {**members, "flips": outcome.flips}
