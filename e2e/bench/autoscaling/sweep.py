"""Every setting of every rival on every case, kept beside this file with the version and the seeds it was run by."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from statistics import fmean

import llmfleet

from .cases import means
from .families import FAMILIES
from .suite import OURS, Played

RESULT = Path(__file__).parent / "sweep.json"
ABLE = 89.0
"""Percent of the requests that a setting must serve well to be ranked by what it costs."""
Numbers = Mapping[str, Mapping[str, Sequence[float]]]
"""By policy and case: percent attained, GPU-hours, direction flips; means over the seeds."""


class Rivals(StrEnum):
    """Which settings of them are run."""

    NONE = "none"
    BEST = "best"
    ALL = "all"


def policies(rivals: Rivals) -> tuple[str, ...]:
    """Their names: a rival's is its family and target. FileNotFoundError where none can be best: nothing was swept."""
    if rivals is Rivals.NONE:
        return (OURS,)
    if rivals is Rivals.ALL:
        wanted = {name: each.targets for name, each in FAMILIES.items()}
    else:
        found = load()
        wanted = {name: best(found, name) for name in FAMILIES}
    return (OURS, *(f"{name} {target:g}" for name, targets in wanted.items() for target in targets))


def numbers(played: Iterable[Played]) -> Numbers:
    """Means of each policy on each case; runs without a case's fault are left out."""
    found: dict[str, dict[str, list[Played]]] = defaultdict(lambda: defaultdict(list))
    for each in played:
        if " " not in each.case:
            found[each.policy][each.case].append(each)
    return {policy: {case: _means(runs) for case, runs in by_case.items()} for policy, by_case in found.items()}


def _means(runs: Sequence[Played]) -> tuple[float, float, float]:
    outcomes = [each.outcome for each in runs]
    return (
        round(100 * fmean(each.attained for each in outcomes), 2),
        round(fmean(each.gpu_hours for each in outcomes), 3),
        round(fmean(each.flips for each in outcomes), 1),
    )


def save(found: Numbers, seeds: Sequence[int]) -> None:
    """One line for each policy, so that two sweeps can be compared."""
    lines = ",\n".join(f"    {json.dumps(policy)}: {json.dumps(cases)}" for policy, cases in found.items())
    head = f'  "version": {json.dumps(llmfleet.__version__)},\n  "seeds": {json.dumps(list(seeds))},\n'
    RESULT.write_text(f'{{\n{head}  "policies": {{\n{lines}\n  }}\n}}\n')


def load() -> Numbers:
    """What the last sweep kept. FileNotFoundError before the first."""
    found: Numbers = json.loads(RESULT.read_text())["policies"]
    return found


def best(found: Numbers, family: str) -> tuple[float, ...]:
    """Its three targets that do best over all cases: the cheapest that serve well, then those that come closest."""
    ranked = sorted(
        (_rank(cases), float(target))
        for name, _, target in (policy.rpartition(" ") for policy in found)
        if name == family and (cases := found[f"{name} {target}"])
    )
    return tuple(sorted(target for _, target in ranked[:3]))


def _rank(cases: Mapping[str, Sequence[float]]) -> tuple[bool, float]:
    attained = fmean(means((case, each[0]) for case, each in cases.items()))
    hours = sum(means((case, each[1]) for case, each in cases.items()))
    return attained < ABLE, hours if attained >= ABLE else -attained


def closest(found: Numbers) -> tuple[str, ...]:
    """Of each case a line: the rival setting that is as good as ours within half a point at the least cost."""
    return tuple(_closest(found, case) for case in found[OURS])


def _closest(found: Numbers, case: str) -> str:
    attained, hours, _ = found[OURS][case]
    rivals = [(cases[case], name) for name, cases in found.items() if name != OURS]
    able = [(numbers[1] / hours, numbers[0], name) for numbers, name in rivals if numbers[0] >= attained - 0.5]
    if not able:
        most, name = max((numbers[0], name) for numbers, name in rivals)
        return f"{case}: ours {attained:.1f} % at {hours:.2f} GPU-h; nobody comes near, {name} reaches {most:.1f} %"
    ratio, theirs, name = min(able)
    return f"{case}: ours {attained:.1f} % at {hours:.2f} GPU-h; {name} {theirs:.1f} % at {ratio:.2f} of it"
