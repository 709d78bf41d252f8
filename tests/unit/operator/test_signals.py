"""Pages of the pods over time become rates and latencies, or nothing."""

from dataclasses import replace

import pytest

from llmfleet.core.scaling.flow import Flow, Spread, Watch, joined
from llmfleet.core.scaling.sample import Latencies, Sample, sample
from llmfleet_runtime.contract import LoadReport, Totals

BOUNDS = (0.5, 1.0, 2.0)


def page(pod: str = "a", requests: float = 0, **members: object) -> Sample:
    """A pod that has answered so many requests of 100 prompt tokens and 11 output tokens of 0.1 s each."""
    first = Latencies(0.4 * requests, requests, BOUNDS, (requests, requests, requests))
    token = Latencies(requests, 10 * requests)
    whole = Sample(
        running=2.0, waiting=1.0, pod=pod, started=5.0, idle_seconds=0.0, kv_cache_usage=0.2,
        prompt_tokens=100 * requests, first_token=first, token=token, request_token=first,
    )  # fmt: skip
    return replace(whole, **members)


def looked(*looks: list[Sample], every: float = 5.0) -> tuple[Flow | None, Watch]:
    watch, flow = Watch(), None
    for number, samples in enumerate(looks):
        flow, watch = watch.look(samples, number * every)
    return flow, watch


def flow(*looks: list[Sample]) -> Flow:
    found, _ = looked(*looks)
    assert found is not None
    return found


def test_the_first_look_tells_nothing() -> None:
    assert looked([page()])[0] is None


def test_counters_become_rates() -> None:
    found = flow([page(requests=10)], [page(requests=30, waiting=6.0)])
    assert (found.arrivals, found.requests, found.prompted, found.tokens) == (5.0, 20, 2000, 220)
    (pod,) = found.pods
    assert (pod.arrivals, pod.prompts, pod.decoding, pod.token_seconds) == (5.0, 400.0, 4.0, 0.1)
    assert found.kv_per_request == 0.1


def test_a_shrinking_queue_makes_no_negative_arrivals() -> None:
    assert flow([page(waiting=50.0)], [page(requests=2, waiting=3.0)]).arrivals == 0.0


def test_pods_are_added_up() -> None:
    found = flow([page("a"), page("b")], [page("a", 10), page("b", 30)])
    assert (found.arrivals, found.told, found.ready) == (8.0, 2, 2)
    assert found.first_token.upto == (40, 40, 40)


def test_a_new_pod_is_neither_silent_nor_told() -> None:
    found = flow([page("a")], [page("a", 10), page("b", 999)])
    assert (found.arrivals, found.told, found.silent) == (2.0, 1, 0)


@pytest.mark.parametrize(
    "silent",
    [
        pytest.param(Sample(pod="b"), id="no answer"),
        pytest.param(page("b", 40, running=None), id="a number is missing"),
        pytest.param(page("b", 30), id="nothing has moved"),
        pytest.param(page("b", 10), id="counters fell"),
        pytest.param(page("b", 40, started=9.0), id="another engine"),
        pytest.param(page("b", 40, prompt_tokens=None), id="a counter is missing"),
        pytest.param(page("b", 40, token=Latencies(1e9, 1e3)), id="more time than sequences have"),
        pytest.param(replace(page("b", 30), waiting=2.0), id="only gauges move while it should work"),
    ],
)
def test_a_silent_pod_carries_what_it_last_carried_or_the_mean_if_that_is_more(silent: Sample) -> None:
    quiet = flow([page("a"), page("b", 10)], [page("a", 5), page("b", 30)], [page("a", 10), silent])
    assert (quiet.arrivals, quiet.told, quiet.silent) == (1.0 + 4.0, 1, 1)
    busy = flow([page("a"), page("b", 29)], [page("a", 5), page("b", 30)], [page("a", 55), silent])
    assert (busy.arrivals, busy.told, busy.silent) == (10.0 + 10.0, 1, 1)


def test_after_an_outage_the_rate_is_the_mean_over_it() -> None:
    silent = [Sample(pod="a")]
    found = flow([page()], [page(requests=10)], silent, silent, silent, [page(requests=50)])
    assert found.arrivals == 40 / 20


def test_a_pod_never_heard_carries_the_mean() -> None:
    found = flow([page("a"), Sample(pod="b")], [page("a", 10), Sample(pod="b")])
    assert (found.arrivals, found.silent) == (4.0, 1)


def test_an_idle_pod_that_grows_older_tells_that_nothing_came() -> None:
    idle = {"running": 0.0, "waiting": 0.0}
    found = flow([page(idle_seconds=1.0, **idle)], [page(idle_seconds=6.0, **idle)])
    assert (found.arrivals, found.told) == (0.0, 1)


def test_an_idle_engine_without_a_clock_is_believed() -> None:
    idle = page(running=0.0, waiting=0.0, idle_seconds=None)
    assert flow([idle], [idle]).told == 1


@pytest.mark.parametrize(
    ("sample", "frozen"),
    [
        pytest.param(page(), True, id="busy"),
        pytest.param(page(running=0.0, waiting=0.0, idle_seconds=3.0), True, id="idle and not growing older"),
        pytest.param(page(running=0.0, waiting=0.0, idle_seconds=None), False, id="idle without a clock"),
        pytest.param(page(running=0.0, waiting=0.0, idle_seconds=0.0), False, id="a client reads slowly"),
        pytest.param(Sample(running=2.0, waiting=1.0, pod="a"), False, id="without counters"),
    ],
)
def test_a_page_that_stands_still_is_frozen(*, sample: Sample, frozen: bool) -> None:
    _, early = looked([sample], [sample])
    _, late = looked([sample], [sample], [sample])
    assert (early.is_frozen("a", 5.0), late.is_frozen("a", 10.0)) == (False, frozen)


def test_the_clock_may_stand_or_jump_back() -> None:
    _, watch = looked([page()], [page(requests=10)])
    found, watch = watch.look([page(requests=20)], 5.0)
    assert found is None
    found, _ = watch.look([page(requests=30)], -100.0)
    assert found is None


def test_pods_that_left_are_forgotten() -> None:
    _, watch = looked([page("a"), page("b")], [page("a", 1)])
    assert set(watch.pods) == {"a"}


def test_other_buckets_than_before_leave_the_sums() -> None:
    after = replace(page(requests=10), first_token=Latencies(4.0, 10, (9.0,), (10,)))
    found = flow([page()], [after])
    assert found.first_token == Spread(4.0, 10)
    assert found.requests == 10


SPREAD = Spread(60.0, 100, (1.0, 2.0, 4.0), (50, 90, 100))


@pytest.mark.parametrize(("share", "expected"), [(0.5, 1.0), (0.25, 0.5), (0.9, 2.0), (0.95, 3.0), (1.0, 4.0)])
def test_percentiles_come_from_the_buckets(share: float, expected: float) -> None:
    assert SPREAD.quantile(share) == pytest.approx(expected)


def test_beyond_the_last_bucket_a_percentile_is_its_bound() -> None:
    assert Spread(60.0, 100, (1.0, 2.0), (50, 90)).quantile(0.99) == 2.0


@pytest.mark.parametrize("spread", [Spread(), Spread(1.0, 5.0), Spread(0.0, 0.0, (1.0,), (0.0,))])
def test_without_buckets_or_observations_there_is_no_percentile(spread: Spread) -> None:
    assert spread.quantile(0.5) is None


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(1.0, 50), (2.0, 90), (4.0, 99.5), (0.0, 0), (9.0, 100)],
)
def test_how_many_were_within_a_limit(limit: float, expected: float) -> None:
    assert SPREAD.within(limit) == pytest.approx(expected)


def test_within_a_wide_bucket_the_tail_falls_exponentially() -> None:
    """Of 100 above 1 s and 1 above 3 s, 10 are above 2 s."""
    assert Spread(0, 1000, (1.0, 3.0), (900, 999)).within(2.0) == pytest.approx(990)


def test_observations_of_several_pods_are_joined_by_bucket() -> None:
    other = Spread(1.0, 1, (9.0,), (1,))
    assert joined([Spread(), SPREAD, SPREAD, other]) == Spread(120.0, 200, (1.0, 2.0, 4.0), (100, 180, 200))
    assert joined([]) == Spread()


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("bad", [NAN, INF, -INF, -1.0, 1e300])
@pytest.mark.parametrize(
    ("member", "field"),
    [
        ("running", "running"),
        ("waiting", "waiting"),
        ("kv_cache_usage", "kv_cache_usage"),
        ("prompt_tokens", "prompt_tokens"),
        ("idle_seconds", "idle_seconds"),
    ],
)
def test_a_value_that_is_no_number_is_absent(member: str, field: str, bad: float) -> None:
    assert getattr(sample(LoadReport(started=1.0, in_flight=0, **{member: bad})), field) is None


@pytest.mark.parametrize(
    ("totals", "expected"),
    [
        (Totals(sum=1, count=2, buckets=((1, 1), (2, 2))), Latencies(1, 2, (1, 2), (1, 2))),
        (Totals(sum=1, count=2), Latencies(1, 2)),
        (Totals(sum=1, count=2, buckets=((2, 1), (1, 2))), Latencies(1, 2)),
        (Totals(sum=1, count=2, buckets=((1, 2), (2, 1))), Latencies(1, 2)),
        (Totals(sum=1, count=2, buckets=((1, 3),)), Latencies(1, 2)),
        (Totals(sum=1, count=2, buckets=((1, NAN),)), Latencies(1, 2)),
        (Totals(sum=1, count=2, buckets=((NAN, 1),)), Latencies(1, 2)),
        (Totals(sum=1, count=200, buckets=tuple((float(n), 1.0) for n in range(1, 100))), Latencies(1, 200)),
        (Totals(sum=NAN, count=2), None),
        (Totals(sum=1, count=-2), None),
        (None, None),
    ],
)
def test_a_histogram_that_is_none_keeps_what_is_sound(totals: Totals | None, expected: Latencies | None) -> None:
    assert sample(LoadReport(started=1.0, in_flight=0, time_to_first_token=totals)).first_token == expected


def test_a_silent_pod_is_known_by_its_name_only() -> None:
    assert sample(None, "a") == Sample(pod="a")
