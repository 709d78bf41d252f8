"""What the operator remembers of a day: bounded, in two widths, and never a number that nobody saw."""

import math
import sys

import pytest

from llmfleet.core.explain.account import Account, Point
from llmfleet.core.explain.ring import Ring
from llmfleet.core.explain.seen import Seen
from llmfleet.core.scaling.decide import Decision
from llmfleet.core.scaling.why import Why
from llmfleet.shell.chronicle import COARSE_COUNT, FINE_COUNT, MOST_DECISIONS, Chronicle
from tests.builders import NOW

STEADY = Decision(2, Why.STEADY, "2 is right")


def clock(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    day, hour = divmod(hours, 24)
    return f"2026-11-{21 + day:02d}T{hour:02d}:{rest // 60:02d}:{rest % 60:02d}Z"


def remembered(*looks: tuple[float, Seen], decision: Decision = STEADY, size: int = 2) -> Chronicle:
    made = Chronicle(clock(0))
    for seconds, seen in looks:
        made.note(clock(seconds), seen, decision, size)
    return made


def test_a_stretch_keeps_the_last_sizes_and_the_most_of_the_rest() -> None:
    looks = ((0, Seen(1, 1, 5.0, 0.0)), (4, Seen(2, 1, 9.0, 3.0, first_token=1.5)), (8, Seen(2, 2, 7.0, math.nan)))
    assert remembered(*looks).points() == (
        Point(time=clock(0), wanted=2, ready=2, in_flight=9.0, waiting=3.0, first_token_seconds=1.5),
    )


def test_what_nobody_told_is_absent_and_not_zero() -> None:
    (point,) = remembered((0, Seen(1, 0))).points()
    assert (point.in_flight, point.waiting, point.arrivals, point.first_token_seconds) == (None, None, None, None)


def test_narrow_stretches_follow_the_wide_ones_without_a_repeat() -> None:
    points = remembered(*((each * 10, Seen(1, 1, float(each))) for each in range(720))).points()
    times = [each.time for each in points]
    assert times == sorted(set(times))
    assert (times[0], times[-1]) == (clock(0), clock(7190))
    assert len(points) == FINE_COUNT + 30


def test_a_clock_that_goes_back_enters_nothing_until_it_has_caught_up() -> None:
    points = remembered((100, Seen(1, 1)), (20, Seen(9, 9)), (110, Seen(2, 2))).points()
    assert [each.wanted for each in points] == [1, 2]


def test_memory_is_bounded_however_long_a_fleet_lives() -> None:
    rings = Ring(10, FINE_COUNT), Ring(120, COARSE_COUNT)
    for each in range(20_000):
        for ring in rings:
            ring.note(each * 10.0, Seen(1, 1, 1.0))
    assert sum(sys.getsizeof(ring._numbers) for ring in rings) < 60_000
    assert sum(len(list(ring.rows())) for ring in rings) == FINE_COUNT + COARSE_COUNT


def test_changes_and_what_holds_the_size_are_remembered_and_repeats_are_not() -> None:
    made = Chronicle(NOW)
    for decision, size in (
        (STEADY, 2),
        (Decision(4, Why.MAX_REPLICAS, "at most 4, 1 blocked"), 2),
        (Decision(4, Why.MAX_REPLICAS, "at most 4, 2 blocked"), 4),
        (Decision(4, Why.STEADY, "4 is right"), 4),
        (Decision(4, Why.HELD_DOWN, "held"), 4),
        (Decision(4, Why.HELD_DOWN, "held on"), 4),
    ):
        made.note(NOW, Seen(decision.replicas, size), decision, size)
    assert [(each.from_, each.to, each.reason) for each in made.decisions] == [
        (2, 4, "MaxReplicas"),
        (4, 4, "HeldDown"),
    ]


def test_decisions_are_bounded() -> None:
    made = Chronicle(NOW)
    for each in range(500):
        made.note(NOW, Seen(each, each), Decision(each + 1, Why.PANIC, "burst"), each)
    assert len(made.decisions) == MOST_DECISIONS


@pytest.mark.parametrize("called_for", [None, 5])
def test_an_account_is_completed_and_says_how_long_it_remembers(called_for: int | None) -> None:
    made = Chronicle(NOW)
    made.note(NOW, Seen(4, 2), Decision(4, Why.MAX_REPLICAS, "blocked", called_for=called_for), 2)
    bare = Account(namespace="a", name="b", now=NOW, wanted=4, ready=2, least=1, most=4, sources=("the status",))
    told = made.told(bare)
    assert (told.called_for, len(told.decisions), len(told.points)) == (called_for, 1, 1)
    assert told.sources == ("the status", f"the memory of the operator since {NOW}, which its restart ends")
