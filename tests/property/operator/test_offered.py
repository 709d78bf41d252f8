"""What holds of every decision under latency objectives, whatever the pods say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmfleet.core.scaling.decide import Decision, Memory, Policy, Why, decide
from llmfleet.core.scaling.load import tick
from llmfleet.core.scaling.objective import Objective, Objectives
from llmfleet.core.scaling.sample import Sample, sample
from llmfleet_runtime.contract import LoadReport, Totals

ANY = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 1e6)
BUCKETS = st.none() | st.lists(st.tuples(ANY.map(lambda each: each or 0.0), st.floats(0, 1e6)), max_size=6).map(tuple)
TOTALS = st.none() | st.builds(Totals, sum=ANY.map(lambda each: each or 0.0), count=st.floats(0, 1e6), buckets=BUCKETS)
REPORTS = st.none() | st.builds(
    LoadReport,
    started=st.sampled_from([1.0, 2.0]),
    in_flight=st.integers(0, 5),
    idle_seconds=ANY,
    running=ANY,
    waiting=ANY,
    kv_cache_usage=ANY,
    prompt_tokens=ANY,
    time_to_first_token=TOTALS,
    time_per_output_token=TOTALS,
    request_time_per_output_token=TOTALS,
)
ROUNDS = st.lists(st.lists(REPORTS, max_size=4), max_size=20)
LATENCIES = st.none() | st.builds(Objective, st.sampled_from([0.5, 0.95, 0.99]), st.floats(0.001, 60))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    least = draw(st.integers(1, 6))
    usage = st.none() | st.floats(0.1, 1.0)
    found = Objectives(draw(LATENCIES), draw(LATENCIES), draw(usage))
    objectives = Objectives(kv_cache_usage=0.8) if found == Objectives() else found
    depth = draw(st.none() | st.integers(1, 16))
    return Policy(least, draw(st.integers(least, 12)), depth, objectives=objectives)


def replay(policy: Policy, rounds: list[list[LoadReport | None]]) -> list[tuple[int, Decision]]:
    memory, size, decisions = Memory.fresh(0.0), policy.min_replicas, []
    for number, reports in enumerate(rounds):
        samples = [sample(each, f"pod-{pod}") for pod, each in enumerate(reports)]
        decision, memory = decide(policy, memory, size, tick(5.0 * number, samples), 5.0 * number)
        decisions.append((size, decision))
        size = decision.replicas
    return decisions


@settings(max_examples=200)
@given(policies(), ROUNDS)
def test_no_page_makes_a_size_out_of_bounds_or_a_reason_that_cannot_be_written(policy: Policy, rounds: list) -> None:
    for _, decision in replay(policy, rounds):
        assert policy.min_replicas <= decision.replicas <= policy.max_replicas
        assert decision.why in Why
        assert 0 < len(decision.message) <= 1024
        assert "nan" not in decision.message


@given(policies(), ROUNDS)
def test_the_same_pages_give_the_same_decisions(policy: Policy, rounds: list) -> None:
    assert replay(policy, rounds) == replay(policy, rounds)


@pytest.mark.proves("R61", "F39")
@given(policies(), ROUNDS)
def test_nothing_is_released_within_the_first_minutes(policy: Policy, rounds: list) -> None:
    assert all(decision.replicas >= size for size, decision in replay(policy, rounds[:12]))


@given(policies(), ROUNDS, st.integers(2, 30))
def test_silence_changes_no_size(policy: Policy, rounds: list, silent: int) -> None:
    decisions = replay(policy, [*rounds, *[[None, None]] * silent])
    assert {decision.replicas == size for size, decision in decisions[len(rounds) + 2 :]} <= {True}


@given(REPORTS)
def test_a_sample_holds_finite_numbers_or_none(report: LoadReport | None) -> None:
    found = sample(report, "a")
    numbers = [found.running, found.waiting, found.idle_seconds, found.kv_cache_usage, found.prompt_tokens]
    for each in (found.first_token, found.token, found.request_token):
        numbers += [each.sum, each.count, *each.bounds, *each.upto] if each else []
    assert all(each is None or 0 <= each < 1e16 for each in numbers)
    assert found == Sample(pod="a") or report is not None
