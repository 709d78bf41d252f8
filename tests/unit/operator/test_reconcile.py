"""One reconcile after another, over a simulated cluster."""

import asyncio
import json
from dataclasses import replace

import pytest

from llmfleet.core.world import Report
from llmfleet.shell.cluster import NameTaken
from llmfleet.shell.errors import Conflict, NotLeader, Refused, Unavailable
from llmfleet.shell.ports import Key
from llmfleet.shell.turns import Turns
from tests.builders import (
    DEFAULTS,
    SHARED,
    Modifier,
    Raw,
    being_deleted,
    deployment,
    revision,
    with_metadata,
    with_spec,
)
from tests.fakes import FakeOperator
from tests.simulator import Simulator


def operator(*modifiers) -> FakeOperator:
    return FakeOperator(Simulator(deployment(with_spec(replicas=2), *modifiers)))


async def settled(*modifiers) -> FakeOperator:
    made = operator(*modifiers)
    await made.settle()
    made.cluster.writes.clear()
    return made


def conditions(made: FakeOperator) -> dict[str, Raw]:
    return {each["type"]: each for each in made.world.raw["status"]["conditions"]}


async def test_a_new_object_becomes_a_ready_fleet() -> None:
    made = await settled()
    assert (made.world.ready(), conditions(made)["Ready"]["status"]) == (2, "True")


async def test_the_first_pass_writes_children_then_status() -> None:
    made = operator()
    await made.reconcile()
    kinds = [write.split("/")[0] for write in made.cluster.writes]
    assert kinds == [
        "apply ControllerRevision", "apply ConfigMap", "apply ConfigMap", "apply Service",
        "apply PodDisruptionBudget", "apply Deployment", "status llmfleet-status",
    ]  # fmt: skip


@pytest.mark.proves("R02")
async def test_nothing_is_written_when_nothing_changed() -> None:
    made = await settled()
    for _ in range(5):
        await made.reconcile()
    assert made.cluster.writes == []


async def test_a_pass_on_a_cache_that_lags_behind_its_own_writes_writes_nothing_twice() -> None:
    made = operator()
    await made.reconcile()
    made.cluster.writes.clear()
    await made.reconciler.reconcile(made.key)
    assert made.cluster.writes == ["status llmfleet-status"]  # which tells what the first pass has made


@pytest.mark.parametrize(
    ("error", "reason"), [(NameTaken("Service qwen exists"), "NameTaken"), (Refused("denied by x", 403), "Refused")]
)
async def test_a_refused_write_ends_the_pass_and_shows_in_the_status(error: Refused, reason: str) -> None:
    made = operator()
    made.cluster.refusals["apply Service/qwen"] = error
    await made.reconcile()
    assert not [write for write in made.cluster.writes if "Deployment" in write]
    stalled = conditions(made)["Stalled"]
    assert (stalled["status"], stalled["reason"]) == ("True", reason)
    assert str(error) in stalled["message"]
    assert made.cluster.events[-1][:2] == ("Warning", reason)


async def test_a_refusal_is_tried_again_since_no_event_may_tell_of_its_end() -> None:
    made = operator()
    made.cluster.refusals["apply Service/qwen"] = NameTaken("Service qwen exists")
    assert await made.reconcile() == 30
    made.cluster.refusals.clear()
    assert await made.reconcile() != 30
    assert conditions(made)["Stalled"]["status"] == "False"


async def test_a_refusal_that_stays_writes_no_second_status() -> None:
    made = operator()
    made.cluster.refusals["apply Service/qwen"] = NameTaken("Service qwen exists")
    for _ in range(2):
        await made.reconcile()
    made.cluster.writes.clear()
    await made.reconcile()
    assert made.cluster.writes == []


@pytest.mark.parametrize("error", [Conflict("changed"), Unavailable("503"), NotLeader("lost")])
async def test_passing_trouble_is_left_to_the_queue_and_is_no_status(error: Exception) -> None:
    made = operator()
    made.cluster.refusals["apply Deployment"] = error
    made.cluster.refusals[f"apply Deployment/qwen-{revision(made.world.raw)}"] = error
    with pytest.raises(type(error)):
        await made.reconcile()
    assert "status" not in made.world.raw


async def test_an_object_that_is_gone_is_nothing_to_do() -> None:
    made = operator()
    assert await made.reconciler.reconcile(Key("team-a", "gone")) is None
    assert made.cluster.writes == []


async def test_a_leaving_object_is_not_written_to() -> None:
    made = await settled()
    being_deleted()(made.world.raw)
    await made.reconcile()
    assert made.cluster.writes == []


@pytest.mark.proves("R15")
@pytest.mark.parametrize("end", [being_deleted(), with_metadata(uid="born-again")], ids=["deleting", "gone"])
async def test_nothing_is_made_for_an_object_whose_end_is_told_after_that_of_its_children(end: Modifier) -> None:
    made = await settled()
    made.world.objects.clear()
    made.world.pods.clear()
    made.see()
    end(made.world.raw)
    with pytest.raises(Conflict):
        await made.reconciler.reconcile(made.key)
    assert made.cluster.writes == []


async def test_a_new_object_is_not_asked_for_before_its_first_children(monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = operator(), []

    async def lives(owner: Raw) -> bool:
        asked.append(owner["metadata"]["name"])
        return True

    monkeypatch.setattr(made.cluster, "lives", lives)
    await made.reconcile()
    assert (made.cluster.writes != [], asked) == (True, [])
    made.world.objects.clear()
    await made.reconcile()
    assert asked == ["qwen"]


async def test_an_edit_rolls_without_dropping_below_the_size() -> None:
    made = await settled()
    old = revision(made.world.raw)
    made.world.edit(engine={"maxModelLen": 512})
    for _ in range(30):
        await made.reconcile()
        made.world.step()
        assert made.world.ready() >= 2
    assert made.world.ready(revision(made.world.raw)) == 2
    assert old not in made.world.sizes()


@pytest.mark.proves("R41")
async def test_conditions_that_flip_become_events_once() -> None:
    made = await settled()
    made.world.edit(engine={"maxModelLen": 512})
    await made.settle()
    reasons = [reason for _, reason, _ in made.cluster.events]
    assert {"RollingOut", "AllReplicasReady"} <= set(reasons)
    assert len(reasons) == len(set(made.cluster.events))


async def test_an_event_that_cannot_be_posted_spoils_nothing() -> None:
    made = operator()
    made.cluster.refusals["event"] = Refused("events are forbidden", 403)
    await made.settle()
    assert conditions(made)["Ready"]["status"] == "True"


async def test_a_new_drain_time_reaches_running_pods_without_a_restart() -> None:
    made = await settled()
    pods = set(made.world.pods)
    made.world.edit(lifecycle={"drainTimeoutSeconds": 5})
    await made.settle(10)
    assert set(made.world.pods) == pods
    assert set(made.world.live_numbers.values()) == {2}


async def test_status_is_written_under_its_own_manager_and_leaves_autoscaling_alone() -> None:
    made = await settled()
    assert {manager for manager, _ in made.cluster.statuses} == {"llmfleet-status"}
    assert all("autoscaling" not in members for _, members in made.cluster.statuses)


async def test_passes_are_measured() -> None:
    made = await settled()
    assert made.metrics.registry.get_sample_value("llmfleet_actions_total", {"action": "apply"}) == 6
    labels = {"namespace": "team-a", "name": "qwen"}
    assert made.metrics.registry.get_sample_value("llmfleet_ready_replicas", labels) == 2


async def test_written_status_is_json() -> None:
    made = await settled()
    assert json.loads(json.dumps(made.cluster.statuses[-1][1])) == made.cluster.statuses[-1][1]


async def test_where_no_job_may_be_made_the_fleet_comes_without() -> None:
    made = FakeOperator(Simulator(deployment()))
    curious = replace(DEFAULTS, inspection_timeout_seconds=60.0)
    made.reconciler = replace(made.reconciler, defaults=curious)
    of = revision(made.world.raw)
    made.cluster.refusals[f"apply Job/qwen-{of}-facts"] = Refused("exceeded quota: count/jobs.batch", 403)
    await made.reconcile()
    assert f"apply Deployment/qwen-{of}" in made.cluster.writes


async def test_a_job_that_makes_a_checkpoint_and_is_refused_is_told_in_the_servers_words() -> None:
    wanted = {"method": "AWQ", "source": "Produced"}
    made = FakeOperator(Simulator(deployment(with_spec(model={"cache": SHARED}, quantization=wanted))))
    made.reconciler = replace(made.reconciler, defaults=replace(DEFAULTS, quantize_image="quantize:1"))
    of = revision(made.world.raw)
    made.cluster.refusals[f"apply Job/qwen-{of}-quant"] = Refused("exceeded quota: count/jobs.batch", 403)
    await made.reconcile()
    (stalled,) = (each for each in made.cluster.statuses[-1][1]["conditions"] if each["type"] == "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "Refused")
    assert "exceeded quota: count/jobs.batch" in stalled["message"]
    assert f"apply Deployment/qwen-{of}" not in made.cluster.writes


async def test_a_fleet_whose_pods_are_silent_keeps_no_other_from_its_turn() -> None:
    silent, other, heard = await settled(), operator(), asyncio.Event()

    class Silent:
        async def reports(self, pods):
            await heard.wait()
            return {pod.uid: Report() for pod in pods}

    turns = Turns(1)
    waiting = asyncio.create_task(replace(silent.reconciler, pods=Silent(), turns=turns).reconcile(silent.key))
    await asyncio.sleep(0)
    other.see()
    await replace(other.reconciler, turns=turns).reconcile(other.key)
    assert other.cluster.writes
    assert not waiting.done()
    heard.set()
    await waiting


async def test_a_pod_that_became_ready_while_others_were_asked_is_asked_too() -> None:
    made, asked = await settled(), []

    class Growing:
        async def reports(self, pods):
            asked.append({pod.uid for pod in pods})
            if len(asked) == 1:
                made.world.edit(replicas=3)
                await made.settle()
            return {pod.uid: Report() for pod in pods}

    made.see()
    await replace(made.reconciler, pods=Growing()).reconcile(made.key)
    assert [len(each) for each in asked] == [2, 1]
    assert asked[1].isdisjoint(asked[0])
