"""What holds of every simulated engine and fleet."""

import math
import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from llmfleet.core.scaling.sample import sample
from llmfleet.core.simulation.fleet import World
from llmfleet.core.simulation.outcome import Outcome, Promise
from llmfleet.core.simulation.profile import Profile
from llmfleet.core.simulation.replica import Replica
from llmfleet.core.simulation.request import Arrival, Request
from llmfleet.core.simulation.run import Page, Scene, simulate
from llmfleet_runtime.contract import LoadReport

PROFILES = st.builds(
    Profile,
    step_seconds=st.floats(0.001, 0.1),
    sequence_seconds=st.floats(0, 0.01),
    context_seconds=st.floats(0, 1e-5),
    prefill_rate=st.floats(100, 50_000),
    kv_tokens=st.integers(400, 20_000),
    max_sequences=st.integers(1, 32),
    max_batched_tokens=st.integers(64, 4096),
)
ARRIVALS = st.lists(
    st.builds(Arrival, st.floats(0, 60), st.integers(1, 200), st.integers(1, 150)), min_size=1, max_size=40
).map(sorted)


def served(profile: Profile, arrivals: Sequence[Arrival]) -> tuple[Replica, list[Request]]:
    """All of them on one engine, until it is idle; after each step its page must be sound."""
    replica, requests = Replica(profile, 0, 0.0), [Request(each) for each in arrivals]
    for request in requests:
        drain(replica, request.arrival)
        replica.submit(request, request.arrival)
    drain(replica, math.inf)
    return replica, requests


def drain(replica: Replica, until: float) -> None:
    while replica.due < until:
        now = replica.due
        replica.advance()
        assert replica.due > now
        assert 0 <= replica.running <= replica.profile.max_sequences
        assert replica.running + len(replica.waiting) == replica.outstanding


@given(PROFILES, ARRIVALS)
def test_every_request_is_served_once_and_in_causal_order(profile: Profile, arrivals: list[Arrival]) -> None:
    replica, requests = served(profile, arrivals)
    assert replica.outstanding == 0
    for each in requests:
        assert each.first is not None
        assert each.end is not None
        assert each.arrival < each.first <= each.end


@given(PROFILES, ARRIVALS)
def test_no_request_is_quicker_than_alone(profile: Profile, arrivals: list[Arrival]) -> None:
    _, requests = served(profile, arrivals)
    for each in requests:
        assert each.time_to_first_token >= profile.step_seconds + each.prompt / profile.prefill_rate - 1e-9
        if each.output > 1:
            assert each.time_per_output_token >= profile.step_seconds - 1e-9


@given(PROFILES, ARRIVALS)
def test_counters_add_up(profile: Profile, arrivals: list[Arrival]) -> None:
    replica, requests = served(profile, arrivals)
    read = sample(LoadReport.model_validate_json(replica.report(1e6).to_json()))
    assert read.first_token is not None
    assert read.token is not None
    assert read.request_token is not None
    assert read.first_token.count == len(requests)
    assert read.request_token.count == sum(each.output > 1 for each in requests)
    assert math.isclose(read.first_token.sum, sum(each.time_to_first_token for each in requests))
    if not replica.counters.preemptions:
        assert read.prompt_tokens == sum(each.prompt for each in requests)
        assert read.token.count == sum(each.output - 1 for each in requests)
        spent = sum(each.time_per_output_token * (each.output - 1) for each in requests)
        assert math.isclose(read.token.sum, spent, rel_tol=1e-6, abs_tol=1e-9)


@given(PROFILES, ARRIVALS)
def test_the_cache_is_never_fuller_than_it_is(profile: Profile, arrivals: list[Arrival]) -> None:
    replica = Replica(profile, 0, 0.0)
    for each in arrivals:
        drain(replica, each.time)
        replica.submit(Request(each), each.time)
        fits_alone = max(one.prompt + one.output for one in arrivals) + 16
        assert replica.cached <= max(profile.kv_tokens, fits_alone) + profile.max_sequences


class Wild:
    """A scaler that wants anything."""

    every_seconds = 5.0

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes, self.at = sizes, 0

    def size(self, pages: Sequence[Page], size: int, now: float) -> tuple[int, str]:
        assert len(pages) <= size
        self.at += 1
        return self.sizes[self.at % len(self.sizes)], "wild"


@settings(max_examples=50)
@given(PROFILES, ARRIVALS, st.lists(st.integers(0, 6), min_size=1, max_size=8), st.integers(0, 99))
def test_no_request_is_lost_whatever_the_sizes(profile: Profile, arrivals: list, sizes: list[int], seed: int) -> None:
    def run() -> Outcome:
        scene = Scene(World(profile, startup_seconds=7, quota=5, failing_starts=0.2), Promise(), 61.0, 1)
        return simulate(arrivals, scene, Wild(sizes), random.Random(seed))

    outcome = run()
    assert outcome.requests == len(arrivals)
    assert math.isclose(outcome.attained, 1 - outcome.refused / outcome.requests)
    assert 0 < outcome.gpu_hours <= 5 * 61 / 3600 + 1e-9
    assert run() == outcome
