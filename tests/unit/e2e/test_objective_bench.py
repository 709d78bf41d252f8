"""What the objective bench makes of the windows of a step and of the decisions that it saw."""

import math
from dataclasses import replace
from typing import Any

import pytest

from e2e.bench import objective, row
from e2e.bench.objective import SHARE, TARGET_SECONDS, Played, Window
from e2e.load.report import Percentiles
from e2e.load.request import Outcome

MISS = SHARE - 0.01
ROSE = {"from": 1, "to": 3, "reason": "LoadRose", "message": "6.0 requests/s now; 2.1 per replica: 2.9; 3"}
FELL = {"from": 3, "to": 2, "reason": "LoadFell", "message": "2.0 requests/s now; 2"}
PLAYED = Played(
    pace=6.0,
    calm=Percentiles.of([0.1]),
    windows=(Window(2.0, 1.0), Window(4.0, MISS), Window(6.0, SHARE)),
    released=1,
    sent=100,
    failures=(),
    history=(ROSE, FELL),
)


def windows(*shares: float) -> tuple[Window, ...]:
    return tuple(Window(10.0 * (number + 1), share) for number, share in enumerate(shares))


@pytest.mark.parametrize(
    ("shares", "seconds"),
    [
        ((1.0, 1.0), 0.0),
        ((1.0, MISS, SHARE), 30.0),
        ((MISS, 1.0, MISS, 1.0, 1.0), 40.0),
    ],
)
def test_recovered_is_the_first_window_after_the_last_miss(shares: tuple[float, ...], seconds: float) -> None:
    assert objective.recovered(windows(*shares)) == seconds


def test_a_step_that_ends_in_a_miss_is_not_recovered_from() -> None:
    assert math.isnan(objective.recovered(windows(1.0, MISS)))


def test_a_step_is_over_once_the_target_was_missed_and_kept_for_long_enough() -> None:
    long = int(objective.KEPT_SECONDS / 10)
    assert objective.is_over(windows(MISS, *[1.0] * long))
    assert not objective.is_over(windows(MISS, *[1.0] * (long - 1)))
    assert not objective.is_over(windows(*[1.0] * 2 * long))


def test_attained_counts_what_failed_or_came_late() -> None:
    def answer(first_token: float | None) -> Outcome:
        return Outcome(None, 3.0, first_token)

    assert objective.attained([answer(TARGET_SECONDS), answer(TARGET_SECONDS + 0.01), answer(None), answer(0.1)]) == 0.5
    assert math.isnan(objective.attained([]))


@pytest.mark.parametrize(
    ("worse", "missed"),
    [
        ({}, None),
        ({"windows": windows(MISS)}, "target kept again after"),
        ({"released": 0}, "replicas released"),
        ({"failures": (("cut", 1),)}, "failed requests"),
        ({"history": (ROSE,)}, "changes of size"),
        ({"history": (ROSE, FELL | {"message": ""})}, "of them without their numbers"),
        ({"history": (ROSE, FELL | {"reason": ""})}, "of them without their numbers"),
    ],
)
def test_each_promise_can_be_missed_alone(worse: dict[str, Any], missed: str | None) -> None:
    rows = objective.judge(replace(PLAYED, **worse))
    assert [each.what for each in rows if each.met is False] == ([missed] if missed else [])
    assert row.is_met(rows) is (missed is None)


def test_the_fleet_only_watches_at_first_and_has_no_other_target() -> None:
    autoscaling = objective.manifest()["spec"]["autoscaling"]
    assert autoscaling["mode"] == "Observe"
    assert autoscaling["targets"] == {"timeToFirstToken": {"milliseconds": 2000}}
