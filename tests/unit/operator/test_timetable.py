"""The policy in force at a moment."""

import math
from datetime import datetime

import pytest

from llmfleet.api.autoscaling import Autoscaling
from llmfleet.core.scaling.timetable import Timetable, instant

NOON = {"name": "noon", "start": "0 12 * * *", "durationSeconds": 3600, "minReplicas": 3, "maxReplicas": 4}


def timetable(**members: object) -> Timetable:
    targets = {"queueDepth": 4}
    return Timetable(Autoscaling.model_validate({"maxReplicas": 8, "targets": targets, **members}), 16)


def at(clock: str, zone: str = "Z") -> float:
    return datetime.fromisoformat(f"2026-03-30T{clock}:00{zone}").timestamp()


@pytest.mark.parametrize(
    ("clock", "bounds", "by"),
    [("11:59", (1, 8), ""), ("12:00", (3, 4), "noon"), ("12:59", (3, 4), "noon"), ("13:00", (1, 8), "")],
)
def test_bounds_are_those_of_the_schedules_that_hold_then(clock: str, bounds: tuple[int, int], by: str) -> None:
    found = timetable(schedules=[NOON]).policy(at(clock))
    assert (found.min_replicas, found.max_replicas) == bounds
    assert (found.min_by, found.max_by, found.max_concurrency) == (by, by, 16)


def test_a_schedule_goes_by_its_own_zone() -> None:
    found = timetable(schedules=[{**NOON, "timeZone": "Europe/Vienna"}])
    assert found.policy(at("10:30")).min_replicas == 3
    assert found.policy(at("12:30", "+02:00")) == found.policy(at("10:30"))
    assert found.policy(at("12:30")).min_replicas == 1


def test_zero_is_allowed_while_no_schedule_asks_for_more_and_pods_are_asked_themselves() -> None:
    asleep = {"minReplicas": 0, "scaleToZeroAfterSeconds": 60, "schedules": [NOON]}
    assert timetable(**asleep).policy(at("11:00")).idle_seconds == 60
    assert timetable(**asleep).policy(at("12:00")).idle_seconds == math.inf
    assert timetable(**asleep, metricsSourceName="main").policy(at("11:00")).idle_seconds == math.inf


def test_what_cannot_be_followed_is_said_and_counts_for_nothing() -> None:
    found = timetable(schedules=[{**NOON, "timeZone": "Mars/Olympus"}])
    assert "timeZone 'Mars/Olympus' is none of the IANA database" in found.trouble(at("12:00"))
    assert found.policy(at("12:00")).min_replicas == 1
    assert timetable(schedules=[NOON]).trouble(at("12:00")) == ""
    assert timetable().trouble(at("12:00")) == ""


def test_a_moment_is_told_in_utc() -> None:
    assert instant(at("12:00", "+02:00")) == "2026-03-30T10:00:00Z"
