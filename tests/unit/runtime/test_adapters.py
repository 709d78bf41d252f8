"""adapters.py: which step comes next, and what the status says of each adapter."""

from dataclasses import replace

import pytest

from llmfleet_runtime.adapters import (
    LONGEST_WAIT_SECONDS,
    Load,
    Point,
    Standing,
    Unload,
    after_failure,
    is_tried,
    next_step,
    report,
    wake_at,
)
from llmfleet_runtime.contract import Adapter, AdapterReason, AdapterState

SQL, CHAT = Adapter(name="sql", uri="file:///a"), Adapter(name="chat", uri="file:///b")
NEW = Adapter(name="sql", uri="file:///a2")
BOTH = {"sql": SQL.version, "chat": CHAT.version}
FAILED = after_failure({}, SQL.version, AdapterReason.INVALID, "is cut", 10.0)


def standing(wanted=(), loaded=(), pointed=None, **members):
    return Standing(wanted, frozenset(each.version for each in loaded), pointed or {}, **members)


STEPS = {
    "nothing wanted, nothing there": (standing(), None),
    "one is missing": (standing((SQL,)), Load(SQL)),
    "of two missing the first comes first": (standing((SQL, CHAT)), Load(SQL)),
    "what is loaded gets its name": (standing((SQL,), (SQL,)), Point({"sql": SQL.version})),
    "all is well": (standing((SQL, CHAT), (SQL, CHAT), BOTH), None),
    "a name comes before the next load": (standing((SQL, CHAT), (SQL,)), Point({"sql": SQL.version})),
    "a new version is loaded beside the old": (standing((NEW,), (SQL,), {"sql": SQL.version}), Load(NEW)),
    "then the name moves": (standing((NEW,), (SQL, NEW), {"sql": SQL.version}), Point({"sql": NEW.version})),
    "then the old one goes": (standing((NEW,), (SQL, NEW), {"sql": NEW.version}), Unload(SQL.version)),
    "what a name was just taken from waits": (
        standing((NEW,), (SQL, NEW), {"sql": NEW.version}, settled_at=50.5),
        None,
    ),
    "a name nobody wants goes first": (standing((), (SQL,), {"sql": SQL.version}), Point({})),
    "then its adapter": (standing((), (SQL,)), Unload(SQL.version)),
    "an engine that started again knows nothing": (standing((SQL,), (), {"sql": SQL.version}), Point({})),
    "a failed one waits": (standing((SQL,), attempts=after_failure({}, SQL.version, "x", "", 49.0)), None),
    "others do not wait for it": (
        standing((SQL, CHAT), attempts=after_failure({}, SQL.version, "x", "", 49.0)),
        Load(CHAT),
    ),
    "its time comes": (standing((SQL,), attempts=FAILED), Load(SQL)),
    "the one that failed less often first": (standing((SQL, CHAT), attempts=FAILED), Load(CHAT)),
    "an old version serves while the new one fails": (
        standing((NEW,), (SQL,), {"sql": SQL.version}, attempts=after_failure({}, NEW.version, "x", "", 49.0)),
        None,
    ),
}


@pytest.mark.parametrize("case", sorted(STEPS))
def test_the_next_step_when(case):
    given, step = STEPS[case]
    assert next_step(given, 50.0) == step


def test_each_failure_doubles_the_wait_up_to_a_bound():
    attempts, waits = {}, []
    for _ in range(6):
        attempts = after_failure(attempts, SQL.version, AdapterReason.INVALID, "is cut", 100.0)
        waits.append(attempts[SQL.version].due - 100.0)
    assert waits == [2.0, 4.0, 8.0, 16.0, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS]


@pytest.mark.parametrize(
    ("given", "time"),
    [
        (standing(), None),
        (standing((SQL,), (SQL,), {"sql": SQL.version}), None),
        (standing((SQL,), attempts=FAILED), 12.0),
        (standing((NEW,), (SQL, NEW), {"sql": NEW.version}, settled_at=7.0), 7.0),
        (standing((CHAT,), (SQL,), attempts=after_failure({}, CHAT.version, "x", "", 10.0), settled_at=9.0), 9.0),
    ],
)
def test_it_looks_again_when_time_brings_a_step(given, time):
    assert wake_at(given) == time


def states(given):
    return [(each.state, each.reason, each.serving) for each in report(given)]


def test_the_status_of_an_adapter_is_what_the_engine_lists():
    loading = (AdapterState.LOADING, None, None)
    assert states(standing((SQL,))) == [loading]
    assert states(standing((SQL,), (SQL,))) == [loading]
    assert states(standing((SQL,), (), {"sql": SQL.version})) == [(AdapterState.LOADING, None, SQL.key)]
    assert states(standing((SQL,), (SQL,), {"sql": SQL.version})) == [(AdapterState.LOADED, None, SQL.key)]


def test_a_failure_is_told_with_what_serves_meanwhile():
    failed = after_failure({}, NEW.version, AdapterReason.INVALID, "x" * 1000, 0.0)
    (told,) = report(standing((NEW,), (SQL,), {"sql": SQL.version}, attempts=failed))
    assert (told.state, told.reason, told.serving, told.key) == ("Failed", "AdapterInvalid", SQL.key, NEW.key)
    assert len(told.message) == 256


def test_a_version_that_loaded_after_all_has_no_failure():
    given = standing((SQL,), (SQL,), {"sql": SQL.version}, attempts=FAILED)
    assert states(given) == [(AdapterState.LOADED, None, SQL.key)]
    assert report(given)[0].message == ""


def test_a_round_is_over_when_each_serves_or_has_failed():
    given = standing((SQL, CHAT), (CHAT,), {"chat": CHAT.version})
    assert not is_tried(given)
    assert is_tried(replace(given, attempts=FAILED))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SQL, NEW),
        (SQL, Adapter(name="sql", uri="file:///a", revision="main")),
        (Adapter(name="sql", uri="hf://a/b", revision="1"), Adapter(name="sql", uri="hf://a/b", revision="2")),
    ],
)
def test_another_source_is_another_version(one, other):
    assert one.key != other.key
    assert one.version.startswith("sql@")
