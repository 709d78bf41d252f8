"""The drain ledger: farewells become entries, each pod once, and the newest five are kept."""

import pytest

from llmfleet.api.status import Drain, Status
from llmfleet.core.drains import KEPT, Removal, fold, removals, told
from tests import builders
from tests.builders import (
    LATER,
    NOW,
    UID,
    Modifier,
    Raw,
    crashed,
    left,
    pod,
    ready,
    starting,
    with_metadata,
    with_status,
)

COSTLY = {"inFlightAtStart": 5, "finished": 3, "aborted": 2, "seconds": 120.4}
EARLIER = "2026-11-21T11:30:00Z"
STAYS = with_metadata(deletionTimestamp=None)


def gone(*modifiers: Modifier, name: str = "a") -> Raw:
    return pod("a1", *modifiers, name=name)


def entered(*pods: Raw, recorded: tuple[Drain, ...] = ()) -> tuple[Removal, ...]:
    return removals(UID, pods, recorded, LATER)


def drain(name: str, time: str = NOW) -> Drain:
    return Drain(pod=name, time=time)


FULL = tuple(drain(f"p{number}") for number in range(KEPT))


def test_a_farewell_becomes_an_entry() -> None:
    [found] = entered(gone(left(**COSTLY)))
    assert found == Removal("uid-a", Drain(pod="a", time=NOW, in_flight=5, finished=3, aborted=2, seconds=120), 120.4)


def test_without_a_farewell_the_cost_is_unknown_not_zero() -> None:
    [found] = entered(gone(left()))
    assert found == Removal("uid-a", Drain(pod="a", time=NOW), None)


def test_a_guard_that_never_answered_leaves_the_requests_unknown() -> None:
    [found] = entered(gone(left(seconds=8.0)))
    assert (found.drain.aborted, found.drain.seconds) == (None, 8)


@pytest.mark.parametrize("message", ["not json", "[]", '{"reason": 1}', '{"exitCode": "x"}'])
def test_any_other_termination_message_is_no_farewell(message: str) -> None:
    raw = gone(left())
    raw["status"]["containerStatuses"][0]["state"]["terminated"]["message"] = message
    assert entered(raw)[0].drain == drain("a")


@pytest.mark.parametrize(
    ("modifiers", "expected"),
    [
        pytest.param([left(**COSTLY)], ["a"], id="drained"),
        pytest.param([ready()], ["a"], id="vanished while it was ready"),
        pytest.param([ready(), builders.being_deleted()], ["a"], id="vanished while it drained"),
        pytest.param([], [], id="never placed"),
        pytest.param([starting()], [], id="never ready"),
        pytest.param([crashed("CUDA out of memory")], [], id="crashed before it was ready"),
        pytest.param([with_metadata(labels={"llmfleet.io/uid": "another"}), left(**COSTLY)], [], id="of a forerunner"),
    ],
)
def test_pods_that_have_served_are_entered(modifiers: list[Modifier], expected: list[str]) -> None:
    assert [each.drain.pod for each in entered(gone(*modifiers))] == expected


@pytest.mark.parametrize(("flipped", "count"), [("2026-11-21T11:00:01Z", 0), ("2026-11-21T11:00:30Z", 1)])
def test_a_pod_that_said_nothing_has_served_when_it_was_ready_after_its_start(flipped: str, count: int) -> None:
    condition = {"type": "Ready", "status": "False", "lastTransitionTime": flipped}
    assert len(entered(gone(left(), with_status(conditions=[condition])))) == count


def test_a_pod_without_an_end_is_entered_at_the_time_it_was_found_gone() -> None:
    assert entered(gone(ready()))[0].drain.time == LATER


def test_a_pod_on_record_is_not_entered_again() -> None:
    assert entered(gone(left(**COSTLY)), recorded=(drain("a"),)) == ()
    assert len(entered(gone(left(**COSTLY)), recorded=(drain("b"),))) == 1


@pytest.mark.parametrize(
    ("modifiers", "recorded", "count"),
    [
        pytest.param([left(at=EARLIER), STAYS], FULL, 0, id="pushed off the record"),
        pytest.param([left(at=LATER), STAYS], FULL, 1, id="newer than the record"),
        pytest.param([left(at=EARLIER), STAYS], FULL[:-1], 1, id="the record has room for it"),
        pytest.param([left(at=EARLIER)], FULL, 1, id="it is gone now, so it was never entered"),
    ],
)
def test_an_evicted_pod_that_stays_is_old_news_after_a_restart(
    modifiers, recorded: tuple[Drain, ...], count: int
) -> None:
    assert len(entered(gone(*modifiers), recorded=recorded)) == count


def test_the_newest_five_are_kept_oldest_first() -> None:
    found = fold(FULL, entered(gone(left(at=EARLIER), name="old"), gone(left(at=LATER), name="new")))
    assert [each.pod for each in found] == ["p1", "p2", "p3", "p4", "new"]


def test_a_pod_has_one_entry() -> None:
    found = fold((drain("a", EARLIER),), entered(gone(left(**COSTLY))))
    assert [(each.pod, each.time) for each in found] == [("a", NOW)]


def test_a_loss_is_told_with_its_numbers_and_the_next_step() -> None:
    sentence = told(entered(gone(left(**COSTLY)))[0].drain)
    assert "pod a cut off 2 of 5 requests in flight after 120 s" in sentence
    assert "lifecycle.drainTimeoutSeconds" in sentence


def test_the_status_carries_the_ledger_and_reads_back() -> None:
    found = fold((), entered(gone(left(**COSTLY))))
    members = {"drains": [each.model_dump(by_alias=True, exclude_none=True) for each in found]}
    assert Status.model_validate(members).drains == found
    assert members["drains"][0] == {
        "pod": "a", "time": NOW, "inFlight": 5, "finished": 3, "aborted": 2, "seconds": 120
    }  # fmt: skip
