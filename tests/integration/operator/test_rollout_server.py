"""Rollouts that lack a GPU, never become ready, or wait, against a real scheduler and real ReplicaSets."""

import json

import pytest

from tests.integration.operator.conftest import Nodes, Start, on_rare
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


@pytest.fixture(autouse=True)
def operator(start: Start) -> None:
    start()


def rollout(fleet: Fleet) -> dict:
    return dict(fleet.get().get("status", {}).get("rollout") or {})


def events(fleet: Fleet) -> set[str]:
    found = json.loads(fleet.kubectl("get", "events", "-o", "json"))["items"]
    return {each["reason"] for each in found if each["involvedObject"]["kind"] == "LLMDeployment"}


@pytest.mark.proves("R58")
def test_one_replica_on_the_only_gpu_is_replaced_and_the_gap_is_said_beforehand(
    fleet: Fleet, nodes: Nodes, rare: str
) -> None:
    nodes()
    fleet.create(replicas=1, **on_rare(rare))
    fleet.await_condition("Ready")
    old = fleet.sizes()
    fleet.edit(engine={"maxModelLen": 512})
    told = eventually(lambda: rollout(fleet), lambda found: found.get("path") == "InPlace", 90)
    assert (told["reason"], told["message"]) == (
        "NoFreeGPU",
        "expect no replica serves until each successor is ready",
    )
    fleet.await_condition("Ready", seconds=90)
    assert fleet.sizes().keys().isdisjoint(old)
    assert list(fleet.sizes().values()) == [1]
    assert "NoFreeGPU" in events(fleet)


@pytest.mark.proves("R59", "R09")
def test_a_revision_that_never_starts_is_given_up_and_the_good_one_serves_alone_again(
    fleet: Fleet, nodes: Nodes, rare: str
) -> None:
    dead = nodes("dead")
    fleet.create(replicas=2, rollout={"progressDeadlineSeconds": 10})
    fleet.await_condition("Ready")
    good = fleet.sizes()
    fleet.edit(**on_rare(rare, nodeSelector={"kubernetes.io/hostname": dead}))
    stalled = fleet.await_condition("Stalled", seconds=90)
    assert (stalled["reason"], fleet.ready_pods()) == ("RolledBack", 2)
    # Nobody confirms the end of a pod on a node that nobody plays, so its Deployment stays, at zero.
    assert {name: size for name, size in fleet.sizes().items() if size} == good
    status = fleet.get()["status"]
    assert [each["role"] for each in status["revisions"] if each["name"] == status["revision"]] == ["GivenUp"]
    assert f"qwen-{status['servedRevision']}" in good
    assert fleet.condition("Available")["status"] == "True"
    fleet.edit(pod=None, accelerator=None, engine={"maxModelLen": 512})
    fleet.await_condition("Ready")
    assert fleet.sizes().keys().isdisjoint(good)


def test_when_idle_waits_no_longer_than_it_may(fleet: Fleet) -> None:
    fleet.create(replicas=1, rollout={"type": "WhenIdle", "whenIdle": {"idleSeconds": 60, "timeoutSeconds": 8}})
    fleet.await_condition("Ready")
    old = fleet.sizes()
    fleet.edit(engine={"maxModelLen": 512})
    told = eventually(lambda: fleet.condition("Reconciling"), lambda found: found.get("status") == "True")
    assert told["reason"] == "WaitingForIdle"
    assert fleet.sizes() == old
    fleet.await_condition("Ready")
    assert fleet.sizes().keys().isdisjoint(old)
