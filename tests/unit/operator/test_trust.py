"""How far a look is trusted, and that a decision does no more than that allows."""

from dataclasses import replace

import pytest

from llmfleet.core.scaling.decide import Decision, Memory, Policy, decide
from llmfleet.core.scaling.load import tick
from llmfleet.core.scaling.sample import Latencies, Sample
from llmfleet.core.scaling.trust import Leave, Trust, trust
from llmfleet.core.scaling.why import Why

TOLD = Sample(1.0, 0.0, "a", prompt_tokens=1.0, token=Latencies(1.0, 1.0))
SILENT = Sample()
OLD = replace(TOLD, intervals=2.5)
NAMELESS = Sample(1.0, 0.0, "a")


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([], Trust(), id="no pod"),
        pytest.param([SILENT], Trust(), id="no answer"),
        pytest.param([TOLD, TOLD], Trust(1.0, 1.0, 1.0), id="all told"),
        pytest.param([TOLD, SILENT], Trust(0.5, 1.0, 1.0), id="half of them"),
        pytest.param([TOLD, OLD], Trust(1.0, 0.5, 1.0), id="half of it old"),
        pytest.param([TOLD, NAMELESS], Trust(1.0, 1.0, 0.5), id="half under unknown names"),
    ],
)
def test_trust_is_made_of_coverage_freshness_and_names(samples: list[Sample], expected: Trust) -> None:
    assert trust(samples, needs_counters=True) == expected


def test_a_queue_needs_no_counters() -> None:
    assert trust([NAMELESS], needs_counters=False).score == 1.0


@pytest.mark.parametrize(
    ("parts", "leave"),
    [
        ((1.0, 1.0, 1.0), Leave.ANY),
        ((0.7, 1.0, 1.0), Leave.ANY),
        ((1.0, 0.69, 1.0), Leave.NO_RELEASE),
        ((1.0, 1.0, 0.5), Leave.NO_RELEASE),
        ((0.49, 1.0, 1.0), Leave.HOLD),
        ((0.0, 0.0, 0.0), Leave.HOLD),
    ],
)
def test_the_weakest_part_says_what_may_be_done(parts: tuple[float, float, float], leave: Leave) -> None:
    assert Trust(*parts).leave is leave


POLICY = Policy(1, 8, queue_depth=4, max_concurrency=4, stable_window_seconds=20.0, hold_down_seconds=20.0)


def decided(size: int, load: float, intervals: list[float], policy: Policy = POLICY) -> Decision:
    """After a minute of the same load on four pods, of such ages."""
    memory, decision = Memory.fresh(0.0), None
    for now in range(0, 62, 2):
        samples = [Sample(load / 4, 0.0, str(pod), intervals=age) for pod, age in enumerate(intervals)]
        decision, memory = decide(policy, memory, size, tick(float(now), samples), float(now))
    assert decision is not None
    return decision


@pytest.mark.parametrize(
    ("load", "intervals", "replicas"),
    [
        pytest.param(4.0, [0.5] * 4, 1, id="fresh numbers release"),
        pytest.param(4.0, [0.5, 0.5, 2.5, 2.5], 4, id="half old ones do not"),
        pytest.param(28.0, [0.5, 0.5, 2.5, 2.5], 4, id="which is said also where nothing would go"),
        pytest.param(40.0, [0.5, 0.5, 2.5, 2.5], 5, id="but add"),
        pytest.param(40.0, [0.5, 2.5, 2.5, 2.5], 4, id="mostly old ones move nothing"),
    ],
)
def test_a_decision_goes_as_far_as_it_is_trusted(load: float, intervals: list[float], replicas: int) -> None:
    decision = decided(4, load, intervals)
    assert decision.replicas == replicas
    assert (decision.why is Why.LOW_TRUST) == (replicas == 4)


def test_what_was_not_trusted_is_told_with_its_parts() -> None:
    told = decided(4, 4.0, [0.5, 0.5, 2.5, 2.5])
    assert told.message.endswith("trust 50% (coverage 100%, freshness 50%, naming 100%) releases nothing: 4")


def test_bounds_hold_whatever_is_trusted() -> None:
    assert decided(4, 40.0, [2.5] * 4, replace(POLICY, max_replicas=3)).replicas == 3
