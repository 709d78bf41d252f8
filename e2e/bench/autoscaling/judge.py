"""The rows of the bench: each case, each policy over all cases, and what is promised."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from e2e.bench.row import Row

from .cases import FAULTY, means
from .suite import OURS, WITHOUT, Played

STARTUP_SECONDS = 120.0
Sums = Mapping[str, Sequence[Played]]


@dataclass(frozen=True, slots=True)
class Slack:
    """What may be lost on cases that nothing was tuned by."""

    points: float = 0.0
    """Of attainment."""
    share: float = 0.0
    """Of a ratio."""


NONE, KEPT_APART = Slack(), Slack(2.0, 0.15)


def judge(played: Sequence[Played], slack: Slack = NONE) -> tuple[Row, ...]:
    """All rows; those that need rivals only when some were run."""
    faulty = [each for each in played if not each.case.endswith(WITHOUT)]
    by_policy: dict[str, list[Played]] = defaultdict(list)
    for each in faulty:
        by_policy[each.policy].append(each)
    mine = by_policy[OURS]
    rows = [*_told(by_policy), *_own(mine, slack), *_faults(mine, played)]
    return tuple(rows + (_beside(by_policy, slack) if len(by_policy) > 1 else []))


def attained(played: Sequence[Played]) -> float:
    """Mean over the cases, percent."""
    return 100 * fmean(means((each.case, each.outcome.attained) for each in played))


def hours(played: Sequence[Played]) -> float:
    """GPU-hours over all cases."""
    return sum(means((each.case, each.outcome.gpu_hours) for each in played))


def flips(played: Sequence[Played]) -> float:
    """Direction flips over all cases."""
    return sum(means((each.case, each.outcome.flips) for each in played))


def _told(by_policy: Sums) -> list[Row]:
    rows = [
        Row(
            f"{each.case}, seed {each.seed}: attained",
            100 * each.outcome.attained,
            f"% at {each.outcome.gpu_hours:.2f} GPU-h, {each.outcome.flips} flips",
        )
        for each in by_policy[OURS]
    ]
    for policy, played in by_policy.items():
        unit = f"% at {hours(played):.1f} GPU-h, {flips(played):.0f} flips"
        rows.append(Row(f"{policy}: attained, all cases", attained(played), unit))
    return rows


def _own(mine: Sequence[Played], slack: Slack) -> list[Row]:
    worst = min(mine, key=lambda each: each.outcome.attained)
    rows = [
        Row.at_least("attained, mean", attained(mine), "%", 95.0 - slack.points),
        Row.at_least(f"attained, worst ({worst.case})", 100 * worst.outcome.attained, "%", 87.0 - slack.points),
        Row.at_least("simulated seconds per second, slowest case", min(each.speed for each in mine), "", 500.0),
        Row.at_most(
            "one decision, pages parsed, mean", 1000 * fmean(each.decision_seconds for each in mine), "ms", 3.0
        ),
    ]
    stepped = [each for each in mine if each.case == "C5"]
    if stepped:
        slowest = max(each.recovery or float("inf") for each in stepped)
        rows.append(Row.at_most("recovery from the step, start-ups", slowest / STARTUP_SECONDS, "", 1.3))
    return rows


def _faults(mine: Sequence[Played], played: Sequence[Played]) -> list[Row]:
    """What a fault costs, in points of attainment."""
    sound = {(each.case.removesuffix(WITHOUT), each.seed): each for each in played if each.case.endswith(WITHOUT)}
    lost = [
        100 * (sound[each.case, each.seed].outcome.attained - each.outcome.attained)
        for each in mine
        if (each.case, each.seed) in sound
    ]
    if not lost:
        return []
    begin, end = FAULTY
    changes = [change for each in mine if each.case.startswith("C10") for change in each.outcome.changes]
    released = sum(each.after < each.before and begin <= each.time < end for each in changes)
    return [
        Row.at_most("attainment that lost or wrong data cost, worst", max(lost), "points", 1.0),
        Row.at_most("releases while data was lost or wrong", released, "", 0),
    ]


def _beside(by_policy: Sums, slack: Slack) -> list[Row]:
    mine = by_policy[OURS]
    rivals = {name: played for name, played in by_policy.items() if name != OURS}
    rows = []
    for least, limit in ((89.0, 0.55), (94.0, 0.40)):
        able = [hours(played) for played in rivals.values() if attained(played) >= least]
        if able:
            what = f"GPU-hours over the cheapest rival with {least:.0f} % and more"
            rows.append(Row.at_most(what, hours(mine) / min(able), "", limit * (1 + slack.share)))
    rows += _calm(mine, rivals, slack)
    beaten = [f"{case} by {name}" for case, name in _beaten(mine, rivals, slack)]
    what = f"cases in which a rival is as good and 5 % cheaper{': ' * bool(beaten)}{', '.join(beaten)}"
    return [*rows, Row.at_most(what, len({each.partition(" ")[0] for each in beaten}), "", 0)]


def _calm(mine: Sequence[Played], rivals: Sums, slack: Slack) -> list[Row]:
    """Flips beside those of rivals that do their work, and beside Knative's, with what its recovery costs."""
    able = {name: played for name, played in rivals.items() if attained(played) >= 85.0}
    rows, calm = [], [flips(played) for played in able.values()]
    if calm and min(calm) > 0:
        limit = 0.65 * (1 + slack.share)
        rows.append(Row.at_most("flips over the calmest rival with 85 % and more", flips(mine) / min(calm), "", limit))
    panicking = [played for name, played in rivals.items() if name.startswith("Knative")]
    if panicking and (least := min(map(flips, panicking))) > 0:
        rows.append(Row.at_most("flips over Knative's calmest", flips(mine) / least, "", 0.1 * (1 + slack.share)))
    stepped, *others = (
        [each for each in played if each.case == "C5"]
        for played in (mine, *(played for name, played in able.items() if "Knative" in name))
    )
    if stepped and others:
        least = min(map(hours, others))
        rows.append(Row.at_most("GPU-hours of the step over Knative's least", hours(stepped) / least, "", 0.65))
    return rows


def _beaten(mine: Sequence[Played], rivals: Sums, slack: Slack) -> list[tuple[str, str]]:
    """(Case, rival) where no more than half a point is lost at 0.95 of our GPU-hours."""
    limit, found = 0.95 - slack.share, []
    for case in sorted({each.case for each in mine}):
        own = [each for each in mine if each.case == case]
        for name, played in rivals.items():
            other = [each for each in played if each.case == case]
            if other and attained(other) >= attained(own) - 0.5 and hours(other) <= limit * hours(own):
                found.append((case, name))
    return found
