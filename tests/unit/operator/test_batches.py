"""The decider under latency objectives where an engine takes few requests at once."""

import random
from dataclasses import replace

import pytest

from llmfleet.core.scaling.decide import Policy
from llmfleet.core.scaling.flow import Flow, Spread
from llmfleet.core.scaling.objective import Objective, Objectives
from llmfleet.core.scaling.offered import History, wanted
from llmfleet.core.simulation import synthetic
from llmfleet.core.simulation.decider import Decider
from llmfleet.core.simulation.fleet import World
from llmfleet.core.simulation.outcome import Outcome, Promise
from llmfleet.core.simulation.profile import PROFILES
from llmfleet.core.simulation.run import Scene, simulate

BATCH = 8
OBJECTIVES = Objectives(Objective(0.95, 2.0), Objective(0.95, 0.1))


def in_batches(at_once: int | None) -> Outcome:
    """A fleet of such engines, and what came of it where the decider knows how many they take."""
    engine, chance = replace(PROFILES["8b-a100"], max_sequences=BATCH), random.Random(1)
    arrivals = list(synthetic.arrivals(lambda _: 3.0, 900, synthetic.CHAT, chance, 1.1))
    scene = Scene(World(engine, startup_seconds=60, startup_variation=0.1), Promise(2.0, 0.1), 900, 1)
    policy = Policy(1, 32, objectives=replace(OBJECTIVES, at_once=at_once))
    return simulate(arrivals, scene, Decider(policy, 5.0), chance)


def test_a_replica_that_takes_few_requests_at_once_is_given_no_more() -> None:
    knowing = in_batches(BATCH)
    assert knowing.attained > max(0.9, in_batches(None).attained)
    assert f"batch of {BATCH} 90% full" in knowing.changes[-1].why


@pytest.mark.parametrize(("at_once", "size", "replicas"), [(BATCH, 1, 4), (BATCH, 4, 4), (BATCH, 6, 6), (None, 1, 1)])
def test_before_sizes_are_known_there_are_batches_for_all_that_is_there(at_once, size, replicas) -> None:
    flow = Flow(5.0, 5.0, size, size, 0, 0.1, 0.0, 0.0, 900.0, 30.0, None, Spread(), Spread())
    found, memory = wanted(replace(OBJECTIVES, at_once=at_once), History(), size, flow, 5.0)
    assert "too little seen" in found.said[0]
    assert found.replicas == replicas
    if found.replicas > size:
        assert found.said[1] == "now as many as fill 4 batches of 8"
        assert len(memory.keep.levels) == replicas
