"""What holds of every decision, whatever the load."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmfleet.core.scaling.decide import Decision, Memory, Policy, Why, decide
from llmfleet.core.scaling.load import Tick, tick
from llmfleet.core.scaling.sample import Sample

TICK_SECONDS = 2.0
NUMBERS = st.floats(0, 500, allow_nan=False).map(lambda number: round(number, 1))
SAMPLES = st.one_of(
    st.builds(Sample, NUMBERS, NUMBERS), st.just(Sample()), st.builds(Sample, running=NUMBERS, waiting=st.none())
)
ROUNDS = st.lists(st.lists(SAMPLES, max_size=6), max_size=40)
SIZES = st.integers(1, 12)
CONCURRENCY = st.integers(1, 16)


@st.composite
def policies(draw: st.DrawFn, concurrency: st.SearchStrategy[int | None] = CONCURRENCY) -> Policy:
    least = draw(st.integers(1, 6))
    most = draw(st.integers(least, 12))
    return Policy(least, most, draw(st.integers(1, 16)), draw(concurrency))


def replay(policy: Policy, size: int, rounds: list[list[Sample]]) -> tuple[list[Decision], Memory]:
    """Decisions over these rounds, each taken as the next size."""
    memory, decisions = Memory.fresh(0.0), []
    for number, samples in enumerate(rounds):
        now = number * TICK_SECONDS
        decision, memory = decide(policy, memory, size, tick(now, samples), now)
        size = decision.replicas
        decisions.append(decision)
    return decisions, memory


@pytest.mark.proves("R60")
@given(policies(st.none() | st.integers(1, 16)), SIZES, ROUNDS)
def test_decisions_stay_within_bounds(policy: Policy, size: int, rounds: list[list[Sample]]) -> None:
    decisions, _ = replay(policy, size, rounds)
    assert all(policy.min_replicas <= each.replicas <= policy.max_replicas for each in decisions)


@given(policies(), SIZES, ROUNDS)
def test_every_decision_tells_why(policy: Policy, size: int, rounds: list[list[Sample]]) -> None:
    decisions, _ = replay(policy, size, rounds)
    assert all(each.message and len(each.message) <= 1024 and each.why in Why for each in decisions)


@settings(max_examples=300)
@given(policies(), st.tuples(SIZES, ROUNDS), SIZES, st.tuples(NUMBERS, NUMBERS), st.integers(1, 8))
def test_more_demand_never_gives_fewer_replicas(
    policy: Policy, past: tuple[int, list], size: int, demands: tuple[float, float], pods: int
) -> None:
    _, memory = replay(policy, *past)
    rounds = past[1]
    now = len(rounds) * TICK_SECONDS

    def wanted(demand: float) -> int:
        seen = Tick(now, pods, pods, running=demand, waiting=0.0, busiest=demand)
        return decide(policy, memory, size, seen, now)[0].replicas

    assert wanted(min(demands)) <= wanted(max(demands))


def spread(demand: float, size: int, room: int) -> list[Sample]:
    running = min(demand, size * room)
    return [Sample(running / size, (demand - running) / size) for _ in range(size)]


def constant(policy: Policy, size: int, demand: float, ticks: int) -> list[int]:
    """Sizes under a constant demand that is served by however many pods there are."""
    memory, sizes = Memory.fresh(0.0), []
    for number in range(ticks):
        now = number * TICK_SECONDS
        seen = tick(now, spread(demand, size, policy.max_concurrency or 1))
        decision, memory = decide(policy, memory, size, seen, now)
        size = decision.replicas
        sizes.append(size)
    return sizes


@given(policies(), SIZES, NUMBERS)
def test_a_constant_load_settles_and_is_silent_ever_after(policy: Policy, size: int, demand: float) -> None:
    sizes = constant(policy, size, demand, 300)
    assert len(set(sizes[150:])) == 1


@given(policies(), SIZES, NUMBERS)
def test_on_the_way_to_a_constant_load_the_size_never_turns_back(policy: Policy, size: int, demand: float) -> None:
    sizes = constant(policy, size, demand, 300)
    steps = [after - before for before, after in itertools.pairwise(sizes) if after != before]
    assert all(step > 0 for step in steps) or all(step < 0 for step in steps)


@given(policies(), SIZES, NUMBERS)
def test_where_a_constant_load_settles_the_queue_is_within_its_target(policy: Policy, size: int, demand: float) -> None:
    settled = constant(policy, size, demand, 300)[-1]
    capacity = settled * ((policy.max_concurrency or 1) + policy.queue_depth)
    assert demand <= capacity + 1e-6 or settled == policy.max_replicas


@pytest.mark.proves("R61", "F39")
@given(policies(), SIZES, ROUNDS, st.integers(1, 80))
def test_silence_never_changes_a_size_within_bounds(
    policy: Policy, size: int, rounds: list[list[Sample]], silent: int
) -> None:
    decisions, memory = replay(policy, size, rounds)
    before = decisions[-1].replicas if decisions else max(policy.min_replicas, min(size, policy.max_replicas))
    for number in range(silent):
        now = len(rounds) * TICK_SECONDS + policy.panic_window_seconds + number * TICK_SECONDS + 1
        decision, memory = decide(policy, memory, before, tick(now, [Sample()] * before), now)
        assert (decision.replicas, decision.load_seen) == (before, False)


@given(policies(), SIZES, ROUNDS)
def test_nothing_shrinks_before_a_whole_window_was_watched(policy: Policy, size: int, rounds: list) -> None:
    start = max(policy.min_replicas, min(size, policy.max_replicas))
    early = rounds[: int(policy.stable_window_seconds / TICK_SECONDS)]
    sizes = [start, *(each.replicas for each in replay(policy, start, early)[0])]
    assert sizes == sorted(sizes)


@given(policies(st.none() | st.integers(1, 16)), SIZES, ROUNDS)
def test_a_replay_gives_equal_decisions(policy: Policy, size: int, rounds: list[list[Sample]]) -> None:
    assert replay(policy, size, rounds) == replay(policy, size, rounds)
