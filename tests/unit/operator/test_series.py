"""A PromQL server's raw points become one sample a pod, or silence."""

import math
from collections.abc import Iterable

import pytest

from llmfleet.core.scaling.flow import Watch
from llmfleet.core.scaling.sample import Sample
from llmfleet.core.scaling.series import NotAnAnswer, Points, Scrape, points, query, samples

SCRAPE = Scrape(interval=15.0)
NOW = 1_000_000.0
PODS = [("qwen-0123456789-a", "uid-a"), ("qwen-0123456789-b", "uid-b")]
NAN = math.nan


def series(name: str, *values: float, pod: str = "a", at: float = NOW - 5, **labels: str) -> Points:
    """Points of a metric of vLLM, the last of them at the given time."""
    named = {"__name__": f"vllm:{name}", "namespace": "team-a", "pod": f"qwen-0123456789-{pod}", **labels}
    times = [at - SCRAPE.interval * each for each in reversed(range(len(values)))]
    return Points(named, tuple(zip(times, values, strict=True)))


def page(requests: float = 0.0, pod: str = "a", at: float = NOW - 5, engine: str = "0") -> list[Points]:
    """All series of a pod after so many requests."""
    plain = {
        "num_requests_running": 2.0,
        "num_requests_waiting": 1.0,
        "kv_cache_usage_perc": 0.25,
        "prompt_tokens_total": 100 * requests,
        "time_to_first_token_seconds_sum": 0.4 * requests,
        "time_to_first_token_seconds_count": requests,
        "inter_token_latency_seconds_sum": requests,
        "inter_token_latency_seconds_count": 10 * requests,
    }
    found = [series(name, value, pod=pod, at=at, engine=engine) for name, value in plain.items()]
    bucket = "time_to_first_token_seconds_bucket"
    for bound, upto in (("0.5", requests), ("1.0", requests), ("+Inf", requests)):
        found.append(series(bucket, upto, pod=pod, at=at, engine=engine, le=bound))
    return found


def read(found: Iterable[Points], now: float = NOW) -> tuple[Sample, Sample]:
    first, second = samples(found, PODS, SCRAPE, now)
    return first, second


def without(name: str, found: Iterable[Points]) -> list[Points]:
    return [each for each in found if name not in each.labels["__name__"]]


def test_a_pod_is_read_as_if_its_page_had_just_been_asked_for() -> None:
    found, silent = read(page(20))
    assert (found.running, found.waiting, found.kv_cache_usage, found.prompt_tokens) == (2.0, 1.0, 0.25, 2000)
    assert found.first_token
    assert (found.first_token.bounds, found.first_token.upto) == ((0.5, 1.0), (20, 20))
    assert (found.pod, found.scraped, found.intervals) == ("uid-a", NOW - 5, 1 / 3)
    assert silent == Sample(pod="uid-b")
    assert not silent.is_heard


def test_engines_of_one_server_are_added_up() -> None:
    found, _ = read([*page(20, engine="0"), *page(10, engine="1")])
    assert (found.running, found.prompt_tokens) == (4.0, 3000)
    assert found.first_token
    assert found.first_token.upto == (30, 30)
    assert found.kv_cache_usage == 0.25


def test_older_names_of_the_engine_are_known() -> None:
    old = [
        *without("kv_cache", without("inter_token", page(20))),
        series("gpu_cache_usage_perc", 0.5),
        series("time_per_output_token_seconds_sum", 20.0),
        series("time_per_output_token_seconds_count", 200.0),
    ]
    found, _ = read(old)
    assert found.kv_cache_usage == 0.5
    assert found.token
    assert (found.token.sum, found.token.count) == (20.0, 200.0)


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf, -1.0, 1e30])
def test_what_is_no_number_is_absent_and_never_zero(bad: float) -> None:
    found, _ = read([*without("running", page(20)), series("num_requests_running", bad)])
    assert found.running is None
    assert not found.is_heard


@pytest.mark.parametrize(
    ("bad", "lacking"),
    [
        pytest.param(series("num_requests_running", NAN, engine="1"), "running", id="one engine of two"),
        pytest.param(series("prompt_tokens_total", -5.0, engine="1"), "prompt_tokens", id="a negative counter"),
        pytest.param(series("kv_cache_usage_perc", 17.0, engine="1"), "kv_cache_usage", id="more than all of a cache"),
        pytest.param(series("inter_token_latency_seconds_sum", NAN, engine="1"), "token", id="a sum"),
    ],
)
def test_a_bad_number_of_one_engine_takes_no_part_of_the_sum(bad: Points, lacking: str) -> None:
    found, _ = read([*page(20), bad])
    assert getattr(found, lacking) is None


@pytest.mark.parametrize(
    "bucket",
    [
        pytest.param(series("time_to_first_token_seconds_bucket", NAN, le="0.7"), id="no number"),
        pytest.param(series("time_to_first_token_seconds_bucket", 21.0, le="0.7"), id="falls after it"),
        pytest.param(series("time_to_first_token_seconds_bucket", 20.0, le="soon"), id="no bound"),
    ],
)
def test_buckets_that_make_no_histogram_are_left_out(bucket: Points) -> None:
    found, _ = read([*page(20), bucket])
    assert found.first_token
    assert (found.first_token.count, found.first_token.bounds) == (20, ())


@pytest.mark.parametrize(
    ("at", "heard"),
    [
        pytest.param(NOW - 44, True, id="three scrapes old"),
        pytest.param(NOW - 46, False, id="older"),
        pytest.param(NOW + 10, True, id="a clock a little ahead"),
        pytest.param(NOW + 20, False, id="from the future"),
    ],
)
def test_only_what_is_young_is_believed(at: float, heard: bool) -> None:  # noqa: FBT001 because it is the outcome
    assert read(page(20, at=at))[0].is_heard is heard


def test_only_the_newest_page_of_a_pod_counts() -> None:
    found, _ = read([*page(10, at=NOW - 20), *without("prompt", page(20, at=NOW - 5))])
    assert found.prompt_tokens is None
    assert found.first_token
    assert found.first_token.count == 20


def test_two_servers_that_read_the_same_pod_are_not_added_up() -> None:
    found, _ = read([*page(20, at=NOW - 5), *page(20, at=NOW - 9)])
    assert (found.running, found.prompt_tokens) == (2.0, 2000)


def test_rates_are_over_the_time_between_scrapes_and_not_between_looks() -> None:
    watch, flow = Watch(), None
    for look, (requests, at) in enumerate([(0, NOW - 40), (30, NOW - 25), (60, NOW - 10)]):
        flow, watch = watch.look(read(page(requests, at=at), now=at + 5)[:1], 17.0 * look)
    assert flow
    assert [each.arrivals for each in flow.pods] == [2.0]


@pytest.mark.parametrize("second", [page(10), page(20, at=NOW - 20)], ids=["counters fell", "nothing new"])
def test_a_restart_or_a_missed_scrape_is_silence(second: list[Points]) -> None:
    watch = Watch()
    _, watch = watch.look(read(page(20, at=NOW - 20))[:1], 0.0)
    flow, _ = watch.look(read(second)[:1], 15.0)
    assert flow
    assert (flow.told, flow.silent) == (0, 1)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        "no list",
        [1],
        [{}],
        [{"metric": {}, "values": [[1]]}],
        [{"metric": [], "values": []}],
        [{"metric": {}, "values": [["soon", "1"]]}],
        [{"metric": {}, "values": [["nan", "1"]]}],
        [{"metric": {}, "value": [1, "1"]}],
        [{"metric": {}, "values": None}],
    ],
)
def test_what_no_server_answers_is_refused(answer: object) -> None:
    with pytest.raises(NotAnAnswer):
        points(answer)


def test_an_empty_answer_is_nothing_and_not_zero() -> None:
    first, second = read(points([]))
    assert (first, second) == (Sample(pod="uid-a"), Sample(pod="uid-b"))


def test_points_come_in_order_and_text_that_is_no_number_stays_none() -> None:
    (found,) = points([{"metric": {"pod": "a"}, "values": [[30, "2"], [15, "much"]]}])
    assert found.labels == {"pod": "a"}
    assert found.values[1] == (30.0, 2.0)
    assert math.isnan(found.values[0][1])


def test_a_question_names_fleet_and_window() -> None:
    asked = query("team-a", "qwen", Scrape("kubernetes_namespace", "kubernetes_pod", 30.0))
    assert asked.endswith('kubernetes_namespace="team-a",kubernetes_pod=~"qwen-[0-9a-f]{10}-.+"}[90s]')
    assert "vllm:time_to_first_token_seconds_bucket" in asked
    assert query("team-a", "qwen", SCRAPE, 3600.0).endswith("[3600s]")
