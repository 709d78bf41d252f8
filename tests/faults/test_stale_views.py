"""What the operator sees may be old, or lack what came and went: nothing that serves is hurt by it."""

import json
import time
from typing import Any

import pytest

from llmfleet.shell.kinds import WATCHED
from tests.faults import oracles
from tests.faults.rules import WRITES, WRITING, Call, Error, Fault, Hold, Replay, on
from tests.faults.stage import KILLED, Stage
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster
OK = 200


def versions(stage: Stage) -> dict[str, str]:
    """Resource version of every child and of the spec: what a write would change."""
    return {
        f"{raw['kind']}/{raw['metadata']['name']}": raw["metadata"]["resourceVersion"]
        for raw in stage.objects()
        if raw["kind"] != "LLMDeployment"
    }


@pytest.fixture
def overtaken(serving: Stage, request: pytest.FixtureRequest) -> tuple[Stage, dict[str, Any]]:
    """A snapshot in which the fleet was to shrink, and the fleet that was born under its name since.

    The parameter says which write was never done in the snapshot.
    """
    missing = getattr(request, "param", WRITES)
    serving.arm(Fault(missing, Call(serving.kill, forwarded=False), times=1))
    serving.fleet.edit(replicas=1, lifecycle={"drainTimeoutSeconds": 5})
    eventually(serving.operator.process.poll, lambda code: code == KILLED, 10)
    old = serving.snapshot()
    serving.fleet.kubectl("delete", "llm", serving.fleet.name)
    eventually(lambda: serving.left_over(old["llmdeployments"]["items"][0]["metadata"]["uid"]), lambda left: not left)
    serving.arm()
    serving.born_again()
    serving.tend()
    serving.fleet.create()
    serving.settle()
    assert len(serving.pods()) == 2
    return serving, old


@pytest.mark.proves("R06", "F19")
@pytest.mark.parametrize("overtaken", [WRITES, on(WRITING, "llmdeployments")], indirect=True, ids=["all", "status"])
def test_an_operator_started_on_an_old_listing_leaves_the_newborn_alone(overtaken) -> None:
    stage, old = overtaken
    stage.kill()
    stage.operator.process.wait()
    pods, before, uid = stage.pods(), versions(stage), stage.fleet.get()["metadata"]["uid"]
    here = stage.arm(Fault(on("list"), Replay(old)), Fault(on("watch"), Hold(only_last=False)))
    stage.tend()
    stage.until(lambda: oracles.writes(stage.since(here)), "the operator acts on what it sees")
    stage.rest()
    assert [str(each.request) for each in oracles.writes(stage.since(here)) if each.code == OK] == []
    stage.arm()
    stage.settle()
    assert (stage.pods(), versions(stage)) == (pods, before)
    assert stage.fleet.get()["metadata"]["uid"] == uid
    assert stage.status()["readyReplicas"] == 2
    assert oracles.defects(stage.log()) == []


@pytest.mark.proves("R06", "F19")
def test_an_old_listing_when_a_watch_breaks_leaves_the_newborn_alone(overtaken) -> None:
    stage, old = overtaken
    pods, before = stage.pods(), versions(stage)
    replay = Fault(on("list"), Replay(old))
    stage.arm(replay, Fault(on("watch"), Error(410), times=len(WATCHED)))
    stage.until(lambda: stage.proxy.struck(replay) >= len(WATCHED), "all is listed again")
    stage.rest()
    stage.arm()
    stage.settle()
    assert (stage.pods(), versions(stage)) == (pods, before)
    assert oracles.defects(stage.log()) == []


@pytest.mark.proves("R06", "F19")
def test_old_events_in_a_watch_leave_the_newborn_alone(overtaken) -> None:
    stage, old = overtaken
    pods, before = stage.pods(), versions(stage)
    replay = Fault(on("watch"), Replay(old), skip=len(WATCHED))
    stage.arm(Fault(on("watch"), Error(410), times=len(WATCHED)), replay)
    stage.until(lambda: stage.proxy.struck(replay) >= len(WATCHED), "old events are sent")
    stage.rest()
    assert (stage.pods(), versions(stage)) == (pods, before)
    assert oracles.defects(stage.log()) == []


@pytest.mark.proves("R07")
def test_what_came_and_went_unseen_leaves_no_trace(serving: Stage) -> None:
    revisions = oracles.seen_revisions(serving.since(0))
    before = oracles.end_state(serving.objects(), revisions)
    here = serving.arm(Fault(on("watch"), Hold(only_last=True)))
    (deployment,) = serving.fleet.sizes()
    serving.fleet.kubectl("delete", "pod", next(iter(serving.pods())), "--wait=false")
    for size in (3, 2):
        serving.fleet.kubectl("scale", f"deployment/{deployment}", f"--replicas={size}")
    serving.fleet.edit(engine={"maxModelLen": 512})
    serving.fleet.edit(engine=None)
    eventually(serving.fleet.ready_pods, lambda ready: ready == 2)
    serving.arm()
    serving.settle()
    after = oracles.end_state(serving.objects(), revisions)
    assert without_generations(after) == without_generations(before)
    assert oracles.makes_and_deletes(serving.since(here), revisions) == {}


@pytest.mark.proves("R07")
def test_what_a_broken_watch_never_told_is_made_good(serving: Stage) -> None:
    serving.arm(Fault(on("watch"), Hold(only_last=True)))
    time.sleep(0.5)
    serving.fleet.kubectl("delete", "service", serving.fleet.name)
    serving.fleet.kubectl("delete", "configmap", f"{serving.fleet.name}-live")
    serving.fleet.edit(replicas=1)
    serving.arm(Fault(on("watch"), Error(410), times=len(WATCHED)))
    names = {f"Service/{serving.fleet.name}", f"ConfigMap/{serving.fleet.name}-live"}
    serving.until(lambda: names <= versions(serving).keys(), "what was deleted is there again")
    serving.settle()
    assert list(serving.fleet.sizes().values()) == [1]
    assert f"PodDisruptionBudget/{serving.fleet.name}" not in versions(serving)


def without_generations(state: oracles.State) -> Any:
    return json.loads(oracles.COUNTED.sub(r"\1 0", json.dumps(state)))
