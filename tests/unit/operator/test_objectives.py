"""From what is promised and what is measured to the requests that a replica carries."""

import math
import random
from dataclasses import replace

import pytest

from llmfleet.core.scaling.flow import PodFlow, Spread
from llmfleet.core.scaling.latency import ENOUGH, MOST_OUTLIERS, StepTime
from llmfleet.core.scaling.objective import Limit, Objective, Objectives, capacity
from llmfleet.core.scaling.work import Work

TRUE = (0.012, 0.0002, 0.0001)
"""Seconds of a step, of a sequence and of a prompt token."""
CHAT = Work(1000, 200)


def pod(sequences: float, prompts: float, seconds: float | None = None) -> PodFlow:
    """A pod in which so many sequences decode beside so many prompt tokens per second."""
    step, each, token = TRUE
    busy = 1 - math.exp(-sequences)
    pace = seconds or (step * busy + each * sequences) / (busy - token * prompts)
    return PodFlow(5.0, 1.0, prompts, sequences, sequences, sequences, None, pace, 10.0, Spread(), Spread())


def learned(count: int = 200, seed: int = 1) -> StepTime:
    chance, time = random.Random(seed), StepTime.unknown(0.1)
    for _ in range(count):
        time = time.learn([pod(chance.uniform(1, 80), chance.uniform(0, 7000))])
    return time


def known() -> StepTime:
    unknown = StepTime.unknown(0.1)
    return StepTime(TRUE, unknown.covariance, unknown.guess, accepted=ENOUGH)


@pytest.mark.parametrize("seed", range(3))
def test_the_step_time_is_learned_from_what_pods_report(seed: int) -> None:
    assert learned(seed=seed).coefficients == pytest.approx(TRUE, rel=0.1)


def test_few_observations_are_not_believed() -> None:
    assert not learned(ENOUGH - 1).is_known
    assert learned(ENOUGH).is_known


def test_an_outlier_changes_nothing() -> None:
    before = learned()
    after = before.learn([pod(40, 3000, seconds=9.0)])
    assert (after.coefficients, after.outliers) == (before.coefficients, 1)


def test_an_engine_that_has_changed_is_learned_anew() -> None:
    time = learned()
    for _ in range(MOST_OUTLIERS):
        time = time.learn([pod(40, 3000, seconds=0.5)])
    assert not time.is_known
    for _ in range(100):
        time = time.learn([pod(40, 3000, seconds=0.5)])
    spent = time.step / 0.5 + 40 / 0.5 * time.sequence + 3000 * time.prompt_token
    assert spent == pytest.approx(1.0, rel=0.05)


def test_an_idle_pod_teaches_nothing() -> None:
    time = StepTime.unknown(0.1)
    assert time.learn([pod(0.1, 0, seconds=0.02)]) == time


def only(output: float | None = None, first: float | None = None, cache: float | None = None) -> Objectives:
    return Objectives(
        Objective(0.95, first) if first else None, Objective(0.95, output) if output else None, kv_cache_usage=cache
    )


def test_a_slower_promise_carries_more() -> None:
    rates = [capacity(only(output=seconds), known(), CHAT, 1.0).rate for seconds in (0.02, 0.05, 0.1)]
    assert rates == sorted(rates)
    busy = 1 - 0.012 / 0.05
    assert rates[1] == pytest.approx(busy / (1000 * 0.0001 + 200 * 0.0002))


def test_at_its_capacity_a_replica_keeps_the_pace_that_is_promised() -> None:
    found = capacity(only(output=0.05), known(), CHAT, 1.0)
    assert found.limit is Limit.OUTPUT_TOKEN
    assert found.in_flight == pytest.approx(found.rate * 200 * 0.05)


def test_longer_prompts_and_answers_carry_less() -> None:
    promised = only(output=0.1, first=2.0)
    rates = [capacity(promised, known(), each, 1.0).rate for each in (CHAT, Work(3000, 200), Work(3000, 600))]
    assert rates == sorted(rates, reverse=True)


def test_the_first_token_limits_when_prompts_are_long() -> None:
    found = capacity(only(output=0.1, first=2.0), known(), Work(4000, 20), 1.0)
    assert found.limit is Limit.FIRST_TOKEN
    assert "p95 <= 2000 ms to the first token" in found.said


def test_a_full_cache_limits_when_answers_hold_much_of_it() -> None:
    promised = only(output=0.1, cache=0.5)
    found = capacity(promised, known(), Work(1000, 200, cache=0.1), 1.0)
    assert found.limit is Limit.CACHE
    assert found.in_flight == pytest.approx(5.0)
    assert capacity(promised, known(), Work(1000, 200, cache=0.0001), 1.0).limit is not Limit.CACHE


def test_a_full_batch_limits_when_the_engine_takes_few_at_once() -> None:
    found = capacity(replace(only(output=0.1), at_once=5), known(), CHAT, 1.0)
    assert (found.limit, found.said) == (Limit.BUSY, "batch of 5 90% full")
    assert found.in_flight == pytest.approx(4.5)
    assert capacity(replace(only(output=0.1), at_once=1000), known(), CHAT, 1.0).limit is Limit.OUTPUT_TOKEN


def test_the_cache_alone_is_an_objective() -> None:
    assert capacity(only(cache=0.5), known(), Work(1000, 200, cache=0.1), 1.0).limit is Limit.CACHE
    assert capacity(only(cache=0.5), known(), Work(1000, 200, cache=1e-5), 1.0).limit is Limit.BUSY


@pytest.mark.parametrize("promised", [only(output=0.010), only(output=0.1, first=0.05)])
def test_what_cannot_be_met_is_said_with_the_floor_and_does_not_ask_for_the_world(promised: Objectives) -> None:
    found = capacity(promised, known(), CHAT, 1.0)
    assert "alone a token takes 12 ms, a prompt 132 ms" in found.said
    assert found.rate > 1.0
    full = capacity(promised, known(), replace(CHAT, cache=0.2), 1.0)
    assert (full.limit, full.said, full.rate < found.rate) == (Limit.UNREACHABLE, found.said, True)
