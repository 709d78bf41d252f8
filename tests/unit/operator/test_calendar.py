"""When schedules hold: windows, the changes of the clocks, and what is no schedule."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmfleet.api.autoscaling import Autoscaling
from llmfleet.api.schedule import Schedule
from llmfleet.core.scaling.bounds import Bounds, bounds
from llmfleet.core.scaling.calendar import NoSchedule, Window, overlap, window

VIENNA = "Europe/Vienna"
HOUR = 3600
OFFICE = Schedule(name="office", start="0 8 * * 1-5", duration_seconds=11 * HOUR, time_zone=VIENNA, min_replicas=3)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def every(start: str, hours: float = 1, zone: str = VIENNA, **bound: int) -> Schedule:
    return Schedule(
        name="it", start=start, duration_seconds=int(hours * HOUR), time_zone=zone, **(bound or {"min_replicas": 2})
    )


@pytest.mark.parametrize(
    ("now", "is_open", "changes"),
    [
        pytest.param("2026-11-20 06:59:59", False, "2026-11-20 07:00", id="Friday, a second before"),
        pytest.param("2026-11-20 07:00:00", True, "2026-11-20 18:00", id="Friday, when it begins"),
        pytest.param("2026-11-20 17:59:59", True, "2026-11-20 18:00", id="Friday, the last second"),
        pytest.param("2026-11-20 18:00:00", False, "2026-11-23 07:00", id="Friday, when it has ended: on Monday"),
        pytest.param("2026-11-21 12:00:00", False, "2026-11-23 07:00", id="Saturday"),
    ],
)
def test_a_window_begins_with_its_start_and_ends_after_its_length(now: str, is_open: bool, changes: str) -> None:  # noqa: FBT001 because it is a column
    assert window(OFFICE, at(now)) == Window(is_open, at(changes))


@pytest.mark.parametrize(
    ("schedule", "now", "is_open", "changes"),
    [
        # In Vienna the clocks go from 02:00 to 03:00 on 29 March 2026 (01:00 UTC) and back on 25 October (01:00 UTC).
        pytest.param(every("30 2 * * *"), "2026-03-29 00:59", False, "2026-03-29 01:00", id="a start that is skipped"),
        pytest.param(every("30 2 * * *"), "2026-03-29 01:00", True, "2026-03-29 02:00", id="comes right after"),
        pytest.param(every("0 8 * * *"), "2026-03-28 07:00", True, "2026-03-28 08:00", id="eight in winter"),
        pytest.param(every("0 8 * * *"), "2026-03-29 06:00", True, "2026-03-29 07:00", id="eight in summer"),
        pytest.param(every("30 2 * * *"), "2026-10-25 00:30", True, "2026-10-25 01:30", id="the first of two"),
        pytest.param(every("30 2 * * *"), "2026-10-25 01:30", False, "2026-10-26 01:30", id="not the second"),
        pytest.param(every("0 0 * * *", 23), "2026-03-29 21:59", True, "2026-03-30 21:00", id="a day of 23 hours"),
        pytest.param(every("0 0 * * *", 24), "2026-10-25 22:30", False, "2026-10-25 23:00", id="a day of 25 hours"),
        pytest.param(every("0 22 * * *", 8), "2026-10-25 03:59", True, "2026-10-25 04:00", id="a night of eight hours"),
    ],
)  # fmt: skip
def test_the_clocks_may_change(schedule: Schedule, now: str, is_open: bool, changes: str) -> None:  # noqa: FBT001 because it is a column
    assert window(schedule, at(now)) == Window(is_open, at(changes))


@pytest.mark.parametrize(
    ("schedule", "changes"),
    [
        pytest.param(every("* * * * *"), None, id="every minute"),
        pytest.param(every("0 0 * * *", 24, "UTC"), None, id="day after day"),
        pytest.param(every("0 0 * * 1-5", 24, "UTC"), "2026-11-21 00:00", id="through the working week"),
    ],
)
def test_starts_that_come_before_the_last_one_has_ended_are_one_time(schedule: Schedule, changes: str | None) -> None:
    assert window(schedule, at("2026-11-19 12:00")) == Window(is_open=True, changes=at(changes) if changes else None)


@pytest.mark.proves("S90")
@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        pytest.param(
            every("0 8 * * 5-1"), "schedule it: start '0 8 * * 5-1': Bad day-of-week", id="a range that falls"
        ),
        pytest.param(every("0 8 30 2 *"), "schedule it: start '0 8 30 2 *': Bad day-of-month", id="30 February"),
        pytest.param(
            every("0 8 * * *", zone="Europe/Wien"), "timeZone 'Europe/Wien' is none of the IANA database", id="no zone"
        ),
        pytest.param(every("0 8 * * *", zone="Europe"), "timeZone 'Europe' is none", id="a folder of zones"),
    ],
)
def test_what_no_schema_can_refuse_is_named(schedule: Schedule, expected: str) -> None:
    with pytest.raises(NoSchedule, match=expected.replace("*", "[*]")):
        window(schedule, at("2026-11-20 12:00"))


@given(
    st.sampled_from(["0 8 * * 1-5", "30 2 * * *", "*/20 * * * *", "15 1,13 * * *", "0 0 1 * *"]),
    st.sampled_from([VIENNA, "UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    st.integers(60, 3 * 86_400),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 because hypothesis adds it
)
def test_nothing_changes_before_the_change_that_is_told(start: str, zone: str, seconds: int, now: datetime) -> None:
    schedule, now = every(start, seconds / HOUR, zone), now.replace(microsecond=0)
    found = window(schedule, now)
    if found.changes is not None:
        assert found.changes > now
        assert window(schedule, found.changes - timedelta(seconds=1)).is_open == found.is_open
        assert window(schedule, found.changes).is_open != found.is_open


SPEC = {"minReplicas": 1, "maxReplicas": 4, "targets": {"queueDepth": 4}}
LUNCH = {"name": "lunch", "start": "0 12 * * *", "durationSeconds": HOUR}
DAY = {"name": "day", "start": "0 8 * * *", "durationSeconds": 10 * HOUR}


def during(*schedules: dict, now: str = "2026-11-20T12:30:00Z") -> Bounds:
    return bounds(Autoscaling.model_validate({**SPEC, "schedules": schedules}), now)


@pytest.mark.parametrize(
    ("schedules", "expected"),
    [
        pytest.param([], (1, 4, "", ""), id="none"),
        pytest.param([DAY | {"minReplicas": 3}], (3, 4, "day", ""), id="a larger minimum"),
        pytest.param([DAY | {"minReplicas": 0}], (0, 4, "day", ""), id="a smaller minimum takes its place, too"),
        pytest.param([DAY | {"maxReplicas": 9}], (1, 9, "", "day"), id="a larger maximum"),
        pytest.param([DAY | {"minReplicas": 2}, LUNCH | {"minReplicas": 4}], (4, 4, "lunch", ""), id="larger minimum"),
        pytest.param([DAY | {"maxReplicas": 3}, LUNCH | {"maxReplicas": 2}], (1, 2, "", "lunch"), id="smaller maximum"),
        pytest.param([LUNCH | {"start": "0 14 * * *", "minReplicas": 3}], (1, 4, "", ""), id="one that is closed"),
    ],
)  # fmt: skip
def test_of_the_schedules_that_hold_the_narrowest_bounds_count(schedules: list[dict], expected: tuple) -> None:
    found = during(*schedules)
    assert (found.least, found.most, found.least_by, found.most_by, found.trouble) == (*expected, "")


def test_the_next_change_is_the_first_of_all() -> None:
    assert during(DAY | {"minReplicas": 2}, LUNCH | {"minReplicas": 3}).changes == "2026-11-20T13:00:00Z"


@pytest.mark.proves("S90")
@pytest.mark.parametrize("now", ["2026-11-20T12:30:00Z", "2026-11-20T03:00:00Z"])
def test_two_that_would_contradict_each_other_count_for_nothing_and_the_rest_does(now: str) -> None:
    rest = {"name": "always", "start": "* * * * *", "durationSeconds": 60, "minReplicas": 2}
    found = during(DAY | {"maxReplicas": 2}, LUNCH | {"minReplicas": 3}, rest, now=now)
    assert (found.least, found.most, found.least_by) == (2, 4, "always")
    assert found.trouble.startswith("schedules lunch and day hold at once at 2026-11-20T12:")
    assert found.trouble.endswith("minReplicas 3 exceeds maxReplicas 2")


def test_contradictions_at_different_times_are_none() -> None:
    night = {"name": "night", "start": "0 20 * * *", "durationSeconds": 10 * HOUR, "maxReplicas": 2}
    assert during(LUNCH | {"minReplicas": 3}, night).trouble == ""


@pytest.mark.proves("S90")
def test_one_that_cannot_be_followed_is_told_and_the_others_count() -> None:
    found = during(DAY | {"minReplicas": 3}, LUNCH | {"minReplicas": 4, "timeZone": "Mars/Olympus"})
    assert (found.least, found.least_by) == (3, "day")
    assert "schedule lunch: timeZone 'Mars/Olympus' is none of the IANA database" in found.trouble


def test_overlaps_are_found_ahead() -> None:
    one, other = every("0 8 * * 1"), every("30 8 * * *")
    assert overlap(one, other, at("2026-11-20 12:00")) == at("2026-11-23 07:30")
    assert overlap(every("0 8 * * *"), every("0 9 * * *"), at("2026-11-20 12:00")) is None
