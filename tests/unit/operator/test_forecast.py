"""What comes, how large it is, how long a start takes, and how long a replica is kept."""

import random

import pytest

from llmfleet.core.scaling.flow import Flow, Spread
from llmfleet.core.scaling.forecast import Demand, Surges, Trends, demand
from llmfleet.core.scaling.keep import MOST_TURNS, Keep
from llmfleet.core.scaling.startup import ASSUMED_SECONDS, Startup
from llmfleet.core.scaling.work import Work, work


def flows(*rates: float, every: float = 5.0, **members: object) -> list[Flow]:
    base: dict[str, object] = {
        "ready": 1, "told": 1, "silent": 0, "requests": 0.0, "prompted": 0.0, "tokens": 0.0, "in_flight": 0.0,
        "kv_per_request": None, "first_token": Spread(), "request_token": Spread(),
    }  # fmt: skip
    return [Flow(time=number * every, seconds=every, arrivals=each, **(base | members))
            for number, each in enumerate(rates)]  # fmt: skip


def now(rates: list[float]) -> float:
    return (len(rates) - 1) * 5.0


def test_a_constant_rate_needs_what_it_is() -> None:
    rates = [10.0] * 60
    found = demand(flows(*rates), now(rates), 120.0)
    assert (found.now, found.minute, found.ahead, found.clumping) == (10.0, 10.0, 10.0, 1.0)


def test_a_ramp_is_drawn_out_to_when_a_replica_is_ready() -> None:
    rates = [10 + 0.5 * number for number in range(60)]
    found = demand(flows(*rates), now(rates), 100.0)
    assert found.ahead == pytest.approx(rates[-1] + 10, rel=0.06)


def test_a_ramp_is_never_drawn_out_beyond_twice_its_level() -> None:
    rates = [5.0 * number for number in range(60)]
    assert demand(flows(*rates), now(rates), 3600.0).ahead <= 2 * rates[-1]


@pytest.mark.parametrize("high", range(2, 40))
def test_a_jump_is_no_ramp(high: int) -> None:
    chance = random.Random(high)
    rates = [each * chance.uniform(0.9, 1.1) for each in [10.0] * 40 + [40.0] * high]
    found = demand(flows(*rates), now(rates), 150.0)
    assert found.ahead <= 1.2 * max(found.minute, found.now)


def test_a_ramp_that_has_ended_is_no_ramp() -> None:
    rates = [10.0 + number for number in range(30)] + [40.0] * 20
    assert demand(flows(*rates), now(rates), 150.0).ahead == pytest.approx(40.0, rel=0.01)


def test_noise_is_no_trend() -> None:
    for seed in range(30):
        chance = random.Random(seed)
        rates = [chance.gauss(10, 1.4) for _ in range(60)]
        assert demand(flows(*rates), now(rates), 150.0).ahead < 13


def surged(*looks: tuple[float, float]) -> Surges:
    surges = Surges()
    for number, (now, minute) in enumerate(looks):
        surges = surges.look(Demand(now, minute, minute, 1.0), 60.0 * number)
    return surges


def test_surges_that_do_not_last_are_believed_less_and_less() -> None:
    short = surged((40, 10), (10, 12), (40, 10), (10, 12))
    assert short.lasting == 0.25
    assert short.believed(Demand(40.0, 10.0, 10.0, 1.0)).now == 10 + 30 / 4


def test_a_surge_that_lasts_is_believed_again() -> None:
    assert surged((40, 10), (10, 12), (40, 10), (40, 39)).lasting == 0.75
    assert Surges().believed(Demand(40.0, 10.0, 10.0, 1.0)).now == 40.0


def trended(*looks: tuple[float, float]) -> Trends:
    """(Requests per second now, and foreseen), a minute and a start-up apart."""
    trends = Trends()
    for number, (now, ahead) in enumerate(looks):
        trends = trends.look(Demand(now, now, ahead, 1.0), 60.0 * number, 60.0)
    return trends


RISE = Demand(10.0, 10.0, 30.0, 1.0)


@pytest.mark.parametrize(
    ("looks", "kept"),
    [
        ((), 0.5),
        (((10, 30),), 0.5),
        (((10, 30), (10, 10)), 0.25),
        (((10, 30), (10, 10), (10, 30), (12, 12)), 0.175),
        (((10, 30), (20, 20)), 0.5),
        (((10, 30), (30, 30)), 0.75),
        (((10, 30), (90, 90)), 0.75),
        (((10, 30), (5, 5)), 0.25),
        (((10, 10.4), (10, 10)), 0.5),
    ],
)
def test_a_rise_is_believed_as_far_as_those_before_it_came(looks: tuple, kept: float) -> None:
    trends = trended(*looks)
    assert trends.kept == pytest.approx(kept)
    assert trends.believed(RISE).ahead == pytest.approx(10 + 20 * kept)


def test_a_rise_that_came_and_went_before_its_time_came() -> None:
    trends = Trends().look(RISE, 0.0, 60.0).look(Demand(30.0, 30.0, 30.0, 1.0), 30.0, 60.0)
    assert trends.look(Demand(10.0, 10.0, 10.0, 1.0), 60.0, 60.0).kept == 0.75


def test_a_surge_is_no_matter_of_belief_in_a_rise() -> None:
    surge = Demand(40.0, 10.0, 12.0, 1.0)
    assert Trends(kept=0.0).believed(surge) == surge


def test_where_nothing_can_be_seen_the_rise_under_way_is_believed_whole() -> None:
    calm = Demand(12.0, 12.0, 12.0, 1.0)
    assert trended((10, 30)).undoubted(calm).ahead == 30.0
    assert trended((10, 30), (10, 10)).undoubted(calm) == calm


def test_a_single_spike_is_no_surge() -> None:
    calm = [10.0] * 50
    assert demand(flows(*calm, 90.0), now(calm) + 5, 100.0).now < 20


def test_a_sudden_surge_counts_at_once_and_a_short_excess_of_clumped_traffic_does_not() -> None:
    calm = [10.0] * 50
    assert demand(flows(*calm, 40.0, 40.0), now(calm) + 10, 100.0).now == pytest.approx(40.0)
    clumped = [2.0, 2.0, 2.0, 2.0, 40.0] * 10
    assert demand(flows(*clumped, 40.0, 2.0), now(clumped) + 10, 100.0).now < 15


def test_clumped_traffic_is_told_from_even_traffic() -> None:
    rates = [0.0, 20.0] * 30
    assert demand(flows(*rates), now(rates), 100.0).clumping > 20


def requests(count: float, prompt: float, output: float, ended: float | None = None) -> dict[str, object]:
    seen = Spread(1.0, count if ended is None else ended)
    return {"requests": count, "prompted": count * prompt, "tokens": count * output, "request_token": seen}


def test_sizes_are_means_over_five_minutes() -> None:
    assert work(flows(*[1.0] * 60, **requests(10, 100, 20)), 295.0) == Work(100, 20)


def test_too_few_requests_say_nothing() -> None:
    assert work(flows(1.0, **requests(19, 100, 20)), 0.0) is None


def test_sizes_that_have_clearly_changed_are_taken_from_the_last_minute() -> None:
    before, after = flows(*[1.0] * 50, **requests(10, 100, 20)), flows(*[1.0] * 60, **requests(10, 300, 20))[50:]
    found = work([*before, *after], 295.0)
    assert found is not None
    assert found.prompt > 250


def test_while_requests_pile_up_answers_are_not_taken_for_short() -> None:
    found = work(flows(*[1.0] * 60, **requests(10, 100, 15, ended=7)), 295.0)
    assert found is not None
    assert found.output == pytest.approx(15 * (10 / 7) ** 0.5)


def test_starts_are_measured_oldest_first() -> None:
    startup = Startup().look(2, 2, 0.0).look(4, 2, 10.0).look(5, 2, 40.0)
    assert startup.seconds == ASSUMED_SECONDS
    startup = startup.look(5, 3, 110.0).look(5, 5, 130.0)
    assert startup.measured == (100.0, 120.0, 90.0)
    assert (startup.seconds, startup.wanted) == (120.0, ())


def test_what_was_starting_before_the_first_look_is_not_measured() -> None:
    assert Startup().look(4, 2, 0.0).look(4, 2, 5.0).look(4, 4, 7.0).measured == (2.0, 2.0)
    assert Startup().look(4, 2, 0.0).look(4, 4, 7.0).measured == ()


def test_a_start_that_is_taken_back_is_forgotten() -> None:
    startup = Startup().look(1, 1, 0.0).look(3, 1, 10.0).look(2, 1, 20.0).look(2, 2, 100.0)
    assert startup.measured == (90.0,)


def test_what_pods_tell_counts_and_not_what_was_seen_from_outside() -> None:
    startup = Startup().look(1, 1, 0.0).look(2, 1, 10.0).look(2, 2, 310.0)
    assert startup.seconds == 300.0
    told = startup.hear((40.0, 50.0, 45.0))
    assert (told.seconds, told.horizon) == (50.0, 50.0 * 1.15 + 10.0)
    assert told.hear(()).seconds == 300.0


def test_a_start_that_waited_hours_for_a_node_is_no_measure() -> None:
    assert Startup().hear((40.0, 7000.0)).seconds == 40.0


def test_before_anything_started_the_pods_own_words_of_earlier_ones_count() -> None:
    """As after a restart of the operator."""
    assert (Startup().seconds, Startup().hear((33.0,)).next_ready(5.0)) == (ASSUMED_SECONDS, 33.0)


def test_starts_that_take_too_long_are_stuck() -> None:
    startup = Startup().look(1, 1, 0.0).look(3, 1, 10.0)
    assert (startup.stuck(600.0), startup.stuck(611.0)) == (0, 2)


def held(*looks: tuple[float, int], size: int = 4, startup: float = 60.0) -> Keep:
    keep = Keep()
    for time, wanted in looks:
        keep = keep.look((wanted, wanted, wanted), max(size, wanted), time, startup)
    return keep


def test_a_level_is_kept_for_two_startups_and_at_least_two_minutes() -> None:
    keep = held((0.0, 4), (10.0, 1))
    assert keep.release(1, 1, 4, 119.0)[0].size == 4
    assert keep.release(1, 1, 4, 120.0)[0].size == 3
    assert held((0.0, 4), (10.0, 1), startup=100.0).release(1, 1, 4, 199.0)[0].size == 4


def test_no_more_than_a_fifth_goes_at_once_and_no_sooner_than_after_half_a_minute() -> None:
    keep = held((0.0, 20), (10.0, 1), size=20)
    found, keep = keep.release(1, 1, 20, 300.0)
    assert found.size == 16
    assert keep.release(1, 1, 16, 310.0)[0].size == 16
    assert keep.release(1, 1, 16, 330.0)[0].size == 13


def test_a_level_that_comes_back_soon_is_kept_longer_the_next_time() -> None:
    keep = held((0.0, 4), (10.0, 1), (250.0, 4), (260.0, 1))
    assert [round(each.hold) for each in keep.levels[1:]] == [312, 312, 312]


def test_a_level_that_was_long_not_missed_is_kept_shorter_again() -> None:
    keep = held((0.0, 4), (10.0, 1), (250.0, 4), (260.0, 1), (2000.0, 4))
    assert [round(each.hold) for each in keep.levels[1:]] == [156, 156, 156]


def test_a_level_that_is_only_foreseen_is_kept_and_teaches_no_longer_hold() -> None:
    keep = held((0.0, 4), (10.0, 1)).look((1, 4, 4), 4, 250.0, 60.0)
    assert [round(each.hold) for each in keep.levels[1:]] == [120, 120, 120]
    assert keep.release(1, 1, 4, 369.0)[0].size == 4
    assert keep.release(1, 1, 4, 371.0)[0].size == 3


def turned(level: int) -> Keep:
    """A fleet that has let this replica go and asked for it again, four times within the hour, and then has eight."""
    keep, time = Keep(), 0.0
    for _ in range(MOST_TURNS):
        keep = keep.look((1, 1, 1), level, time, 1.0)
        _, keep = keep.release(1, 1, level, time + 300)
        keep = keep.look((level, level, level), level - 1, time + 301, 1.0)
        time += 400
    return keep.look((8, 8, 8), level, time, 1.0)


@pytest.mark.parametrize(("size", "after"), [(8, 7), (3, 2), (2, 2)])
def test_a_fleet_that_turns_too_often_within_an_hour_keeps_that_size_and_gives_up_more(size, after) -> None:
    found, _ = turned(2).release(1, 1, size, 2000.0)
    assert (found.size, found.is_turning) == (after, size == 2)
    assert not found.is_turning or found.said == f"turned {MOST_TURNS} times within an hour: 2"


def test_turns_are_forgotten_after_an_hour() -> None:
    keep = turned(2).look((1, 1, 1), 2, 6000.0, 1.0)
    assert (keep.turns, keep.release(1, 1, 2, 6000.0)[0].size) == ((), 1)


def test_what_was_asked_for_is_kept_like_any_other_and_teaches_no_longer_hold() -> None:
    """As for bursts that came lately, which neither what comes nor what is foreseen would need."""
    keep = held((0.0, 1), size=1).look((1, 1, 3), 1, 1000.0, 60.0).look((1, 1, 1), 3, 1005.0, 60.0)
    assert keep.release(1, 1, 3, 1119.0)[0].size == 3
    found, keep = keep.release(1, 1, 3, 1121.0)
    assert (found.size, [each.hold for each in keep.levels]) == (2, [120.0] * 3)
