"""Traces, fleets and outcomes of the simulation."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from llmfleet.core.scaling.flow import Flow, Spread
from llmfleet.core.simulation import synthetic, trace
from llmfleet.core.simulation.fleet import Fleet, World
from llmfleet.core.simulation.outcome import Change, Outcome, Promise
from llmfleet.core.simulation.profile import PROFILES, Profile
from llmfleet.core.simulation.request import Arrival, Request
from llmfleet.core.simulation.run import Page, Scene, simulate
from llmfleet.core.simulation.trace import UnreadableTrace

PROFILE = PROFILES["8b-a100"]
WORLD = World(PROFILE, startup_seconds=100, startup_variation=0.2)
AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:50.9951690,396,109
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:51.0000000,0,0
"""
MOONCAKE = '{"timestamp": 3000, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1]}\n' * 2


class Sizes:
    """A scaler that does what it is told by time."""

    every_seconds = 10.0

    def __init__(self, *sizes: tuple[float, int]) -> None:
        self.sizes, self.seen = sizes, list[tuple[float, int, int]]()

    def size(self, pages: Sequence[Page], size: int, now: float) -> tuple[int, str]:
        self.seen.append((now, size, len(pages)))
        return next((to for since, to in reversed(self.sizes) if now >= since), size), "told"


def flat(rate: float, seconds: float, seed: int = 1) -> list[Arrival]:
    return list(synthetic.arrivals(lambda _: rate, seconds, synthetic.CHAT, random.Random(seed), 1.0))


def played(scaler: Sizes, rate: float = 4.0, world: World = WORLD, initial: int = 2, seconds: float = 600) -> Outcome:
    scene = Scene(world, Promise(2.0, 0.1), seconds, initial)
    return simulate(flat(rate, seconds), scene, scaler, random.Random(2))


def test_azure_lines_are_sorted_and_begin_at_zero() -> None:
    found = trace.read(AZURE.splitlines())
    assert [(round(each.time, 4), each.prompt, each.output) for each in found] == [
        (0.0, 374, 44),
        (4.3146, 396, 109),
        (4.3194, 1, 1),
    ]


def test_azure_lines_of_2024_have_a_zone_and_fewer_decimals() -> None:
    lines = ["TIMESTAMP,ContextTokens,GeneratedTokens", "2024-05-10 00:00:00.009930+00:00,2162,5"]
    assert trace.read([*lines, "2024-05-10 00:00:01+00:00,9,9"])[1].time == pytest.approx(0.99007)


def test_mooncake_lines_are_in_milliseconds() -> None:
    assert trace.read(MOONCAKE.splitlines()) == (Arrival(0.0, 6758, 500),) * 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n", "no requests"),
        ("a,b,c\n1,2,3\n", "line 1 is neither"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,2\n", "line 2"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,1\n", "line 2"),
        ('{"timestamp": 1}\n', "line 1: KeyError"),
        ('{"timestamp": null, "input_length": 1, "output_length": 1}\n', "line 1: TypeError"),
        (MOONCAKE + "nonsense\n", "line 3"),
    ],
)
def test_a_line_that_is_no_request_is_named(text: str, says: str) -> None:
    with pytest.raises(UnreadableTrace, match=says):
        trace.read(text.splitlines())


def test_copies_of_a_trace_add_up() -> None:
    before = tuple(flat(5.0, 200))
    after = trace.scaled(before, 2.5, random.Random(1))
    assert len(after) == pytest.approx(2.5 * len(before), rel=0.1)
    assert [each.time for each in after] == sorted(each.time for each in after)
    assert {each.prompt for each in after} <= {each.prompt for each in before}


@pytest.mark.parametrize("name", sorted(synthetic.NAMED))
def test_a_made_trace_has_the_rate_that_was_asked_for(name: str) -> None:
    rate, seconds, variation = synthetic.NAMED[name]
    found = list(synthetic.arrivals(rate(5.0), seconds, synthetic.CHAT, random.Random(3), variation))
    expected = sum(rate(5.0)(second + 0.5) for second in range(int(seconds)))
    assert len(found) == pytest.approx(expected, rel=0.1)
    assert all(0 <= each.time < seconds for each in found)


@pytest.mark.parametrize(
    ("rate", "time", "expected"),
    [
        (synthetic.step(2, 8, 10, 20), 9.9, 2),
        (synthetic.step(2, 8, 10, 20), 10, 8),
        (synthetic.step(2, 8, 10, 20), 20, 2),
        (synthetic.ramp(2, 8, 10, 20), 15, 5),
        (synthetic.ramp(2, 8, 10, 20), 99, 8),
        (synthetic.square(2, 8, 20), 25, 2),
        (synthetic.square(2, 8, 20), 35, 8),
        (synthetic.diurnal(2, 8, 20), 10, 8),
        (synthetic.profile([2, 4]), 3600, 3),
        (synthetic.profile([2, 4]), 0, 2),
        (synthetic.profile([2, 4]), 7199, 4),
    ],
)
def test_rates(rate: synthetic.Rate, time: float, expected: float) -> None:
    assert rate(time) == pytest.approx(expected)


def test_sizes_follow_their_quantiles() -> None:
    drawn = sorted(each.prompt for each in flat(50, 200))
    assert drawn[len(drawn) // 2] == pytest.approx(1020, rel=0.05)
    assert drawn[int(len(drawn) * 0.9)] == pytest.approx(2735, rel=0.08)


def test_new_replicas_serve_after_their_start_and_are_paid_for_from_their_creation() -> None:
    scaler = Sizes((0, 3))
    outcome = played(scaler)
    ready = [now for now, _, ready in scaler.seen if ready == 3]
    assert 60 < ready[0] < 200
    assert outcome.gpu_hours == pytest.approx((2 * 600 + 590) / 3600)
    assert outcome.changes == (Change(10.0, 2, 3, "told"),)


def test_what_starts_is_taken_away_first() -> None:
    scaler = Sizes((0, 5), (20, 2))
    assert played(scaler).gpu_hours == pytest.approx((2 * 600 + 3 * 10) / 3600)
    assert {ready for _, _, ready in scaler.seen} == {2}


def test_a_leaving_replica_finishes_what_it_has() -> None:
    outcome = played(Sizes((0, 2), (300, 1)), rate=2.0)
    assert (outcome.attained, outcome.refused) == (1.0, 0)
    assert 2 * 300 + 300 < outcome.gpu_hours * 3600 < 2 * 300 + 300 + 60


def test_beyond_the_quota_pods_are_pending_and_cost_nothing() -> None:
    scaler = Sizes((0, 9))
    outcome = played(scaler, world=World(PROFILE, startup_seconds=100, quota=3))
    assert outcome.gpu_hours == pytest.approx((2 * 600 + 590) / 3600)
    assert {size for _, size, _ in scaler.seen[1:]} == {9}
    assert max(ready for *_, ready in scaler.seen) == 3


def test_a_pending_pod_gets_the_gpu_that_a_leaving_one_gives_back() -> None:
    fleet = Fleet(World(PROFILE, quota=2), 2, random.Random(1))
    for _ in range(2):
        fleet.submit(Request(Arrival(0.0, 100, 10)), 0.0)
    fleet.resize(1, 1.0)
    assert fleet.resize(2, 2.0) == []
    assert (fleet.pending, len(fleet.leaving), fleet.size) == (1, 1, 2)
    fleet.left(fleet.leaving[0], 3.0)
    assert [pod.born for pod in fleet.place(3.0)] == [3.0]
    assert fleet.spent(3.0) == 3.0 + 3.0


@pytest.mark.parametrize(
    ("quota", "gpus", "ready", "pending"),
    [(9, 4, 2, 3), (3, 4, 0, 5), (20, 4, 5, 0), (None, 4, 5, 0), (2, 0, 5, 0), (2, 1, 2, 3)],
)
def test_a_replica_has_all_its_gpus_or_none(quota: int | None, gpus: int, ready: int, pending: int) -> None:
    fleet = Fleet(World(PROFILE, quota=quota, gpus_per_replica=gpus), 5, random.Random(1))
    assert (len(fleet.ready), fleet.pending, fleet.size) == (ready, pending, 5)


def test_a_pod_of_many_gpus_waits_until_all_of_them_are_free() -> None:
    fleet = Fleet(World(PROFILE, quota=11, gpus_per_replica=4), 1, random.Random(1))
    assert len(fleet.resize(3, 1.0)) == 1
    assert (fleet.pending, len(fleet.starting)) == (1, 1)


@pytest.mark.parametrize(("gpus", "hours"), [(1, 1190 + 600), (4, 4 * (1190 + 600)), (0, 0)])
def test_gpu_hours_count_every_gpu_of_a_replica(gpus: int, hours: float) -> None:
    outcome = played(Sizes((0, 3)), world=replace(WORLD, gpus_per_replica=gpus))
    assert outcome.gpu_hours * 3600 == pytest.approx(hours)
    assert outcome.replica_hours * 3600 == pytest.approx(1190 + 600)


def flow(time: float, requests: float) -> Flow:
    return Flow(
        time=time, seconds=15.0, ready=1, told=1, silent=0, arrivals=requests / 15, requests=requests,
        prompted=900 * requests, tokens=50 * requests, in_flight=0.0, kv_per_request=None,
        first_token=Spread(), request_token=Spread(),
    )  # fmt: skip


def test_what_a_fleet_counted_comes_when_it_came() -> None:
    found = trace.of_flows([flow(1060.0, 40), flow(1090.0, 20)], random.Random(1), start=1000.0)
    assert [sum(low <= each.time <= low + 15 for each in found) for low in (45, 60, 75)] == [40, 0, 20]
    assert trace.of_flows([flow(1000.0, 5)], random.Random(1), start=1000.0)[0].time == 0.0


def test_failing_starts_take_longer() -> None:
    def starts(share: float) -> float:
        world = World(PROFILE, startup_seconds=100, failing_starts=share)
        return sum(pod.ready_at for pod in Fleet(world, 0, random.Random(1)).resize(200, 0.0)) / 200

    assert starts(0.0) == pytest.approx(100, rel=0.05)
    assert starts(0.5) == pytest.approx(200, rel=0.15)


def test_without_a_ready_replica_requests_are_refused_and_count() -> None:
    outcome = played(Sizes((0, 1)), initial=0)
    assert 0 < outcome.refused < outcome.requests
    assert outcome.attained <= 1 - outcome.refused / outcome.requests


def test_the_same_seed_gives_the_same_outcome() -> None:
    assert played(Sizes((100, 4), (300, 2))) == played(Sizes((100, 4), (300, 2)))


def test_the_published_capacity_of_the_8b_model_comes_out() -> None:
    """At 5 requests/s one A100 keeps 100 ms per token for 98 % of Azure-like chat, at 6 it does not."""
    assert played(Sizes(), rate=5.0, initial=1).attained == pytest.approx(0.98, abs=0.015)
    assert played(Sizes(), rate=6.2, initial=1).attained < 0.7


def test_a_slow_engine_misses_what_is_promised() -> None:
    slow = Profile(0.2, 0.0, 0.0, 1e6, 100_000)
    outcome = played(Sizes(), world=World(slow), rate=0.1)
    assert (outcome.attained, outcome.output_token_attained, outcome.first_token_attained) == (0.0, 0.0, 1.0)


def outcome_of(*slices: float | None, sizes: Sequence[int] = ()) -> Outcome:
    changes = [Change(0.0, a, b, "") for a, b in pairwise(sizes)]
    return Outcome(1, 0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, tuple(changes), 1, 0, slices)


@pytest.mark.parametrize(
    ("sizes", "flips"), [((1, 2, 3), 0), ((1, 3, 2), 1), ((1, 3, 2, 1, 4), 2), ((), 0), ((3, 2, 3, 2), 2)]
)
def test_a_flip_is_a_change_in_the_other_direction(sizes: Sequence[int], flips: int) -> None:
    assert outcome_of(sizes=sizes).flips == flips


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        ([1.0] * 12, 0.0),
        ([0.5] * 3 + [1.0] * 12, 30.0),
        ([0.5, 1.0, 0.9] + [0.95] * 12, 30.0),
        ([0.5] + [1.0, None] * 6, 10.0),
        ([0.5] * 30, None),
        ([1.0] * 11, None),
    ],
)
def test_recovered_is_two_minutes_well(slices: list[float | None], expected: float | None) -> None:
    assert outcome_of(*slices).recovery(0.0) == expected
