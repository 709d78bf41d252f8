"""The operator's clock is wrong by ten minutes against the servers', by twenty against that of the other replica."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmfleet.api.status import RevisionRole
from llmfleet.core.plan import Plan
from tests.builders import deployment, revision, with_spec
from tests.property.operator.worlds import BAD, go, said, serves, status
from tests.simulator import Simulator

FEW = settings(max_examples=6)
SKEWS = st.integers(-600, 600)
SIZES = st.integers(1, 3)


@dataclass
class Skewed(Simulator):
    """A world whose operator's clock is ahead of all others, or behind."""

    skew_seconds: int = 0
    is_operating: bool = False

    @property
    def now(self) -> str:
        ahead = timedelta(seconds=self.skew_seconds * self.is_operating)
        return (datetime.fromisoformat(super().now) + ahead).strftime("%Y-%m-%dT%H:%M:%SZ")

    def operate(self) -> Plan:
        self.is_operating = True
        try:
            return super().operate()
        finally:
            self.is_operating = False


def settled(size: int, skew: int, **rollout: object) -> Skewed:
    world = Skewed(deployment(with_spec(replicas=size, rollout=rollout)), gpus=size + 4, skew_seconds=skew)
    world.run()
    return world


@pytest.mark.proves("R29")
@FEW
@given(SIZES, SKEWS)
def test_a_fleet_becomes_what_its_spec_says_whatever_the_clock(size: int, skew: int) -> None:
    world = settled(size, skew)
    world.edit(engine=BAD)
    go(world, 30, floor=size)
    assert serves(world, revision(world.raw), size)
    assert said(world, "Ready") == ("True", "AllReplicasReady")


@pytest.mark.proves("R29")
@FEW
@given(SIZES, SKEWS, SKEWS, st.integers(0, 8))
def test_a_leader_with_another_clock_goes_on_with_a_rollout_and_gives_nothing_up(
    size: int, one: int, other: int, after: int
) -> None:
    """The deadline of a rollout is longer than two clocks may differ."""
    world = settled(size, one)
    world.edit(engine=BAD)
    go(world, after, floor=size)
    world.skew_seconds = other
    for _ in range(30):
        go(world, 1, floor=size)
        assert RevisionRole.GIVEN_UP not in [each.role for each in status(world).revisions]
        assert said(world, "Stalled")[0] == "False"
    assert serves(world, revision(world.raw), size)


@pytest.mark.proves("R29")
@FEW
@given(SKEWS)
def test_a_revision_that_fails_is_given_up_after_its_deadline_by_any_one_clock(skew: int) -> None:
    world = settled(2, skew, progressDeadlineSeconds=120)
    good = revision(world.raw)
    world.edit(engine=BAD)
    world.bad = {revision(world.raw)}
    steps = 0
    while said(world, "Ready")[1] != "RolledBack":
        go(world, 1, floor=2)
        steps += 1
        assert steps < 60, "it is never given up"
    assert steps >= 12, "given up before its deadline"
    assert world.ready(good) == 2
