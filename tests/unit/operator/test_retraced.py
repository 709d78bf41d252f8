"""What a Prometheus kept completes an account: the time before what others remember, and no number that nobody saw."""

from datetime import datetime

import pytest

from llmfleet.api.scaled import Decision
from llmfleet.core.explain.account import Account, Point, Promise
from llmfleet.core.explain.retraced import COUNTED, MOST_POINTS, NO_NUMBERS, READY, UNKNOWN, Kept, completed
from llmfleet.core.explain.ring import clock
from llmfleet.core.scaling.recorded import SIZE
from llmfleet.core.scaling.series import Points, Scrape
from tests.builders import NOW
from tests.unit.operator.test_story import account

END = datetime.fromisoformat(NOW).timestamp()
HOUR = 3600.0
SCRAPE = Scrape(interval=10.0)
TIMES = [END - HOUR + 10.0 * number for number in range(361)]
BARE = account(decisions=(), points=(), sources=("the status",))


def own(metric: str, values: dict[float, float], **labels: str) -> Points:
    """A series of the operator, by seconds before now."""
    return Points({"__name__": metric, **labels}, tuple((END - before, value) for before, value in values.items()))


def steady(metric: str, value: float) -> Points:
    return Points({"__name__": metric}, tuple((time, value) for time in TIMES))


def engine(name: str, value: float = 2.0, rate: float = 0.0, pod: str = "qwen-0123456789-a", **labels: str) -> Points:
    """A series of a pod over the hour; with a rate a counter from zero on."""
    values = ((time, rate * (time - TIMES[0]) if rate else value) for time in TIMES)
    return Points({"__name__": f"vllm:{name}", "pod": pod, **labels}, tuple(values))


def busy(pod: str = "qwen-0123456789-a") -> list[Points]:
    """A pod with two requests a second, each of which waits between one second and two for its first token."""
    first = "time_to_first_token_seconds"
    bounds = {"1": 0.0001, "2": 2.0, "+Inf": 2.0}
    return [
        engine("num_requests_running", 3.0, pod=pod),
        engine("num_requests_waiting", 1.0, pod=pod),
        engine("prompt_tokens_total", rate=200.0, pod=pod),
        engine("inter_token_latency_seconds_sum", rate=2.0, pod=pod),
        engine("inter_token_latency_seconds_count", rate=20.0, pod=pod),
        engine(f"{first}_sum", rate=3.0, pod=pod),
        engine(f"{first}_count", rate=2.0, pod=pod),
        *(engine(f"{first}_bucket", rate=rate, pod=pod, le=bound) for bound, rate in bounds.items()),
    ]


def told(*series: Points, base: Account = BARE, seconds: float = HOUR) -> Account:
    pods = [each for each in series if "pod" in each.labels]
    kept = Kept(pods, [each for each in series if "pod" not in each.labels], SCRAPE)
    return completed(base, kept, seconds, "the Prometheus")


def test_points_have_sizes_and_load_and_latency_as_the_operator_sees_them() -> None:
    promised = BARE.model_copy(update={"first_token": Promise(percentile=95, seconds=2.0)})
    last = told(*busy(), *busy("qwen-0123456789-b"), steady(SIZE, 3), steady(READY, 2), base=promised).points[-1]
    assert (last.time, last.wanted, last.ready, last.in_flight, last.waiting) == (NOW, 3, 2, 8.0, 2.0)
    assert last.arrivals == pytest.approx(4.0)
    assert last.first_token_seconds == pytest.approx(1.95, abs=0.01)
    assert last.output_token_seconds is None


def test_a_latency_without_an_objective_is_not_told() -> None:
    assert told(*busy(), steady(SIZE, 1)).points[-1].first_token_seconds is None


def test_there_are_no_more_points_than_a_chart_shows_and_none_is_older_than_was_asked() -> None:
    hour = told(*busy(), steady(SIZE, 1)).points
    assert len(hour) == 361
    assert {each.time >= clock(END - 600) for each in told(*busy(), steady(SIZE, 1), seconds=600).points} == {True}
    week = told(*busy(), steady(SIZE, 1), seconds=7 * 86_400).points
    assert 0 < len(week) <= MOST_POINTS
    assert (hour[0].time, week[0].wanted) == (clock(END - HOUR), 1)


def test_before_the_first_point_of_anything_and_after_the_last_there_is_nothing() -> None:
    found = told(own(SIZE, {1800: 1, 1200: 1})).points
    assert (found[0].time, found[-1].time) == (clock(END - 1800), clock(END - 1200))


def test_the_operators_points_are_taken_from_where_they_begin() -> None:
    remembered = tuple(Point(time=clock(END - before), wanted=9, ready=9) for before in (600, 300, 0))
    found = told(*busy(), steady(SIZE, 1), base=account(points=remembered)).points
    assert found[-3:] == remembered
    assert (found[-4].time, found[-4].wanted) == (clock(END - 610), 1)
    assert [each.time for each in found] == sorted({each.time for each in found})


@pytest.mark.parametrize(
    ("series", "load"),
    [
        pytest.param([steady(SIZE, 2)], None, id="wanted and not read"),
        pytest.param([steady(SIZE, 0)], 0.0, id="at rest"),
        pytest.param([steady(SIZE, 1), *busy()[:1]], None, id="read and without its numbers"),
    ],
)
def test_load_that_nobody_told_is_absent_and_not_zero(series: list[Points], load: float | None) -> None:
    assert {each.in_flight for each in told(*series).points} == {load}


def test_without_the_operators_series_sizes_are_numbers_of_pods() -> None:
    found = told(*busy(), *busy("qwen-0123456789-b"))
    assert (found.points[-1].wanted, found.points[-1].ready) == (2, 2)
    assert found.sources[-1].endswith("of pods only, so that each size is the number of pods")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
def test_a_size_that_is_no_number_is_passed_over(bad: float) -> None:
    found = told(own(SIZE, {40: 1, 30: bad, 20: 1, 10: 1}))
    assert ({each.wanted for each in found.points}, found.decisions) == ({1}, ())


def test_a_change_has_its_sizes_and_the_rule_that_was_counted_and_no_numbers() -> None:
    found = told(
        own(SIZE, {3000: 1, 2000: 1, 1990: 3, 1000: 3, 990: 2, 500: 2, 490: 4, 0: 4}),
        own(COUNTED, {3000: 5, 2000: 6, 1990: 6, 0: 6}, reason="QueueDepth"),
        own(COUNTED, {1000: 1, 990: 1, 0: 1}, reason="HeldDown"),
    )
    assert [(each.time, each.from_, each.to, each.reason) for each in found.decisions] == [
        (clock(END - 1990), 1, 3, "QueueDepth"),
        (clock(END - 990), 3, 2, "HeldDown"),
        (clock(END - 490), 2, 4, UNKNOWN),
    ]
    assert {each.message for each in found.decisions} == {NO_NUMBERS}


def test_a_counter_that_stood_already_decided_nothing() -> None:
    series = own(SIZE, {300: 1, 200: 2, 0: 2}), own(COUNTED, {300: 7, 200: 7, 0: 7}, reason="Panic")
    assert [each.reason for each in told(*series).decisions] == [UNKNOWN]


def test_of_two_operators_one_after_another_the_size_goes_on() -> None:
    before, after = own(SIZE, {300: 1, 200: 2}, pod="x"), own(SIZE, {100: 2, 0: 2}, pod="y")
    kept = Kept((), (before, after, own(COUNTED, {200: 1}, pod="x", reason="Panic")), SCRAPE)
    found = completed(BARE, kept, HOUR, "the Prometheus")
    assert [(each.from_, each.to, each.reason) for each in found.decisions] == [(1, 2, "Panic")]


def test_what_status_or_operator_tell_is_not_told_again() -> None:
    known = Decision(time=clock(END - 1205), from_=2, to=3, reason="QueueDepth", message="14 requests: 3")
    series = own(SIZE, {3000: 1, 2000: 2, 1200: 3, 600: 4, 0: 4})
    found = told(series, base=account(decisions=(known,)))
    assert [(each.from_, each.to, each.message) for each in found.decisions] == [
        (1, 2, NO_NUMBERS),
        (2, 3, "14 requests: 3"),
    ]


def test_it_is_said_where_it_comes_from_and_from_when() -> None:
    found = told(*busy(), own(SIZE, {3000: 1, 2000: 2, 0: 2}))
    begin = clock(END - HOUR)
    assert found.sources == (
        "the status",
        f"what the Prometheus kept from {begin} to {NOW}: 361 points and 1 change of size",
    )
    assert told(steady(SIZE, 1)).sources[-1].endswith(", of the operator only, so that no load is known")


def test_a_server_that_has_nothing_changes_nothing_and_is_named() -> None:
    found = told()
    assert found.sources[1:] == (
        "nothing of the Prometheus, which knows neither pods nor sizes of the fleet by these labels",
    )
    assert found.model_copy(update={"sources": BARE.sources}) == BARE
