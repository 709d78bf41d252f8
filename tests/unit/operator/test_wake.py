"""A call to wake: what it does, whom it refuses, and what a fleet that sleeps says of itself."""

import pytest

from llmfleet.api.conditions import ConditionType
from llmfleet.core.scaling.sample import Sample
from llmfleet.core.wake import asleep, hindrance
from llmfleet.shell.errors import Conflict, Refused, Unavailable
from llmfleet.shell.ports import Key
from tests.builders import (
    NOW,
    Raw,
    being_deleted,
    children,
    deployment,
    look,
    with_autoscaling,
    with_decision,
    with_spec,
)
from tests.fakes import FakeOperator
from tests.simulator import Simulator

SLEEPY = (with_autoscaling(0, 4), with_spec(autoscaling={"scaleToZeroAfterSeconds": 60}))


async def asleep_fleet() -> FakeOperator:
    """One that started, was asked nothing, and went to zero."""
    made = FakeOperator(Simulator(deployment(*SLEEPY)))
    await made.settle()
    await rest(made, 40)
    return made


async def rest(made: FakeOperator, looks: int) -> None:
    for _ in range(looks):
        made.clock.now += 2
        made.pods.load = Sample(0.0, 0.0, idle_seconds=made.clock.now)
        await made.tick()
        await made.reconcile()
        made.world.step()


def told(made: FakeOperator, kind: ConditionType) -> tuple[str, str, str]:
    found = next(each for each in made.world.raw["status"]["conditions"] if each["type"] == kind)
    return found["status"], found["reason"], found["message"]


async def test_a_new_fleet_starts_one_replica_even_where_zero_is_allowed() -> None:
    made = FakeOperator(Simulator(deployment(*SLEEPY)))
    await made.settle()
    assert made.world.ready() == 1


async def test_a_fleet_that_sleeps_is_ready_and_says_why_and_how_to_wake_it() -> None:
    made = await asleep_fleet()
    assert made.world.ready() == 0
    for kind in (ConditionType.READY, ConditionType.SCALING_ACTIVE):
        status, reason, message = told(made, kind)
        assert (status, reason) == ("True", "ScaledToZero")
        assert "asleep since 2026-11-21T12:00:00Z: no request for 60 s" in message
        assert "`llmfleet wake qwen -n team-a` starts it; until then its Service refuses requests" in message
    assert told(made, ConditionType.AVAILABLE)[:2] == ("True", "ScaledToZero")
    assert ("Normal", "ScaledIdle") in [event[:2] for event in made.cluster.events]


async def test_a_call_wakes_it_at_once_and_keeps_it_until_its_time_is_over() -> None:
    made = await asleep_fleet()
    woken = []
    made.autoscaler.wake_reconciler = woken.append
    found = await made.autoscaler.wake(made.key, 2)
    assert (found.before, found.replicas, found.reason) == (0, 2, "Woken")
    assert woken == [made.key]
    recorded = made.world.raw["status"]["autoscaling"]
    assert (recorded["desired"], recorded["reason"], recorded["history"][-1]["from"]) == (2, "Woken", 0)
    await rest(made, 8)
    assert made.world.ready() == 2
    await rest(made, 60)
    assert made.world.ready() == 0


async def test_what_the_status_carries_survives_the_operators_restart() -> None:
    made = await asleep_fleet()
    await made.autoscaler.wake(made.key, 1)
    again = FakeOperator(made.world)
    await rest(again, 10)
    assert again.world.ready() == 1


async def test_a_status_that_changed_meanwhile_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = await asleep_fleet()
    monkeypatch.setattr("llmfleet.shell.autoscale.WAKE_AGAIN_SECONDS", 0)
    write, conflicts = made.cluster.apply_status, [Conflict("changed"), Conflict("changed")]

    async def sometimes(*given: object) -> Raw:
        if conflicts:
            raise conflicts.pop()
        return await write(*given)

    monkeypatch.setattr(made.cluster, "apply_status", sometimes)
    assert (await made.autoscaler.wake(made.key, 1)).replicas == 1


async def test_one_that_changes_all_the_time_is_woken_by_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    made = await asleep_fleet()
    monkeypatch.setattr("llmfleet.shell.autoscale.WAKE_AGAIN_SECONDS", 0)
    made.cluster.refusals["status llmfleet-autoscaler"] = Conflict("changed")
    with pytest.raises(Unavailable, match="carried out with the next look"):
        await made.autoscaler.wake(made.key, 1)
    made.cluster.refusals.clear()
    await rest(made, 6)
    assert made.world.ready() == 1


async def test_a_rollout_keeps_a_fleet_that_nobody_asks() -> None:
    made = FakeOperator(Simulator(deployment(*SLEEPY), gpus=2))
    await made.settle()
    made.world.edit(engine={"maxModelLen": 512})
    made.world.bad.add(made.world.plan().revision)
    await rest(made, 60)
    assert made.world.ready() == 1


async def test_a_name_that_nobody_has_is_not_found() -> None:
    made = await asleep_fleet()
    with pytest.raises(Refused, match="team-a/none: the operator knows no LLMDeployment") as error:
        await made.autoscaler.wake(Key("team-a", "none"), 1)
    assert error.value.status == 404


@pytest.mark.parametrize(
    ("modifiers", "replicas", "expected"),
    [
        pytest.param([], 4, "", id="as many as the maximum"),
        pytest.param([], 5, "ask for 1 to 4", id="more than the maximum"),
        pytest.param([with_spec(paused=True)], 1, "spec.paused is true", id="paused"),
        pytest.param([with_spec(autoscaling={"mode": "Observe"})], 1, "mode is Observe", id="only watched"),
        pytest.param([with_spec(autoscaling=None)], 1, "no spec.autoscaling", id="sized by hand"),
        pytest.param([with_spec(replicas=-1)], 1, "spec.replicas", id="a spec that breaks a rule"),
        pytest.param([being_deleted()], 1, "being deleted", id="going"),
    ],
)
def test_who_cannot_be_woken_is_told_what_to_do(modifiers: list, replicas: int, expected: str) -> None:
    found = hindrance(look(deployment(*SLEEPY, *modifiers), children(deployment(*SLEEPY))), replicas, NOW)
    assert expected in found
    assert bool(found) is bool(expected)


def test_one_without_pods_yet_is_not_woken() -> None:
    assert "try again" in hindrance(look(deployment(*SLEEPY)), 1, NOW)


@pytest.mark.parametrize(
    "modifiers",
    [
        pytest.param([with_spec(replicas=0)], id="zero by hand"),
        pytest.param([with_autoscaling(0, 4), with_decision(1)], id="awake"),
        pytest.param(
            [with_autoscaling(0, 4), with_spec(autoscaling={"mode": "Observe"}), with_decision(0)], id="watched"
        ),
        pytest.param([with_spec(replicas=-1), with_decision(0)], id="a spec that breaks a rule"),
    ],
)
def test_only_an_autoscaled_fleet_at_zero_is_asleep(modifiers: list) -> None:
    assert asleep(look(deployment(*modifiers))) == ""
