"""One simulated engine, against numbers that can be worked out by hand."""

import math

import pytest

from llmfleet.core.scaling.sample import sample
from llmfleet.core.simulation.profile import Profile
from llmfleet.core.simulation.replica import Replica
from llmfleet.core.simulation.request import Arrival, Request
from llmfleet_runtime.contract import LoadReport

STEADY = Profile(0.01, 0.001, 0.0, 1000.0, 10_000, max_sequences=4, max_batched_tokens=100)
"""10 ms a step, 1 ms a sequence, 1 ms a prompt token, at most 100 tokens a step."""


def run(replica: Replica, *arrivals: tuple[float, int, int]) -> list[Request]:
    """Submit, and advance until all is served; the requests in order of arrival."""
    requests = [Request(Arrival(*each)) for each in arrivals]
    for request in requests:
        while replica.due < request.arrival:
            replica.advance()
        replica.submit(request, request.arrival)
    while replica.due < math.inf:
        replica.advance()
    return requests


def test_a_lone_request_takes_its_prompt_and_then_a_step_a_token() -> None:
    (only,) = run(Replica(STEADY, 0, 0.0), (5.0, 50, 11))
    assert only.time_to_first_token == pytest.approx(0.06)
    assert only.time_per_output_token == pytest.approx(0.011)
    assert only.end == pytest.approx(5.0 + 0.06 + 10 * 0.011)


def test_a_long_prompt_is_taken_in_chunks() -> None:
    (only,) = run(Replica(STEADY, 0, 0.0), (0.0, 250, 1))
    assert only.time_to_first_token == pytest.approx(3 * 0.01 + 0.25)
    assert only.end == only.first


def test_prompts_share_a_step_while_its_budget_lasts() -> None:
    first, second, third = run(Replica(STEADY, 0, 0.0), (0.0, 40, 1), (0.001, 40, 1), (0.002, 40, 1))
    assert first.first == pytest.approx(0.05)
    assert second.first == third.first == pytest.approx(0.05 + 0.01 + 0.08)


def test_a_prompt_slows_the_tokens_of_others() -> None:
    first, _ = run(Replica(STEADY, 0, 0.0), (0.0, 10, 101), (0.5, 90, 1))
    alone = 0.011
    assert first.time_per_output_token == pytest.approx(alone + 0.09 / 100)


def test_a_new_prompt_waits_for_the_running_step_only() -> None:
    _, second = run(Replica(STEADY, 0, 0.0), (0.0, 10, 1001), (1.0, 10, 1))
    assert second.time_to_first_token <= 0.011 + 0.011 + 0.01 + 1e-9


def test_no_more_sequences_run_than_the_engine_takes() -> None:
    replica = Replica(STEADY, 0, 0.0)
    requests = run(replica, *[(0.0, 10, 50)] * 6)
    ends = sorted({round(each.end or 0, 6) for each in requests})
    assert min(each.first or 0 for each in requests[4:]) >= ends[0]


def test_a_full_cache_sends_the_latest_back_and_all_are_served_in_the_end() -> None:
    small = Profile(0.01, 0.001, 0.0, 1000.0, 200, max_sequences=8, max_batched_tokens=100)
    replica = Replica(small, 0, 0.0)
    first, second = run(replica, (0.0, 40, 120), (0.0, 40, 100))
    assert replica.counters.preemptions
    assert (first.end or 0) < (second.end or 0)
    assert replica.outstanding == 0


def test_context_makes_steps_longer() -> None:
    deep = Profile(0.01, 0.0, 0.0001, 1e9, 10_000)
    (only,) = run(Replica(deep, 0, 0.0), (0.0, 100, 11))
    contexts = range(101, 111)
    assert only.time_per_output_token == pytest.approx(0.01 + 0.0001 * sum(contexts) / 10, rel=0.01)


def test_its_page_is_read_by_the_parser_that_reads_real_pods() -> None:
    replica = Replica(STEADY, 0, 3.0)
    run(replica, (5.0, 50, 11), (6.0, 20, 1))
    read = sample(LoadReport.model_validate_json(replica.report(8.0).to_json()), "a")
    assert (read.running, read.waiting, read.started, read.prompt_tokens) == (0, 0, 3.0, 70)
    assert read.idle_seconds == pytest.approx(8.0 - 6.03)
    assert read.first_token is not None
    assert (read.first_token.count, read.first_token.sum) == (2, pytest.approx(0.06 + 0.03))
    assert read.token is not None
    assert (read.token.count, read.token.sum) == (10, pytest.approx(0.11))
    assert read.request_token is not None
    assert read.request_token.upto[:2] == (0, 1)


def test_while_it_works_its_page_tells_batch_queue_and_cache() -> None:
    replica = Replica(STEADY, 0, 0.0)
    for _ in range(6):
        replica.submit(Request(Arrival(0.0, 40, 500)), 0.0)
    while replica.due < 1.0:
        replica.advance()
    read = sample(LoadReport.model_validate_json(replica.report(1.0).to_json()))
    assert (read.running, read.waiting, read.idle_seconds) == (4, 2, 0.0)
    assert 4 * 40 / 10_000 < (read.kv_cache_usage or 0) < 0.04
