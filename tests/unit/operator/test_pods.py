"""A raw pod read as health and trouble."""

import json

import pytest

from llmfleet.api.conditions import Reason
from llmfleet.core.pods import Health, PodView, pod_view, present_troubles, worst
from llmfleet.core.trouble import Trouble, recheck_after
from tests import builders
from tests.builders import (
    NOW,
    Modifier,
    crashed,
    pod,
    ready,
    starting,
    unready,
    unschedulable,
    waiting,
    with_metadata,
    with_status,
)

NOT_FOUND = 'persistentvolumeclaim "models" not found'
NO_SECRET = waiting("CreateContainerConfigError", 'secret "a" not found')
BORN = with_metadata(creationTimestamp="2026-11-21T11:59:20Z")  # forty seconds before NOW
LONG_AGO = with_metadata(creationTimestamp="2026-11-20T00:00:00Z")


def view(*modifiers: Modifier) -> PodView:
    return pod_view(pod("a1", *modifiers))


@pytest.mark.parametrize(
    ("modifiers", "health", "has_served"),
    [
        pytest.param([], Health.PENDING, False, id="just made"),
        pytest.param([waiting("ContainerCreating")], Health.PENDING, False, id="container not there"),
        pytest.param([starting()], Health.STARTING, False, id="running before its start-up probe"),
        pytest.param([ready()], Health.READY, True, id="ready"),
        pytest.param([unready()], Health.UNREADY, True, id="ready once, not now"),
        pytest.param([ready(), crashed(), with_status(conditions=[])], Health.PENDING, False, id="restarting"),
        pytest.param([ready(), builders.being_deleted()], Health.LEAVING, True, id="deleted and still ready"),
        pytest.param([with_status(phase="Failed")], Health.LEAVING, False, id="evicted"),
        pytest.param([with_status(phase="Succeeded")], Health.LEAVING, False, id="ended"),
    ],
)
def test_health(modifiers: list[Modifier], health: Health, *, has_served: bool) -> None:
    seen = view(*modifiers)
    assert (seen.health, seen.has_served) == (health, has_served)


@pytest.mark.proves("R43", "F32", "F33", "F34", "S41")
@pytest.mark.parametrize(
    ("modifiers", "reason", "is_terminal"),
    [
        ([unschedulable("0/3 nodes: 3 Insufficient nvidia.com/gpu")], Reason.INSUFFICIENT_GPU, False),
        ([unschedulable("0/3 nodes: 3 Insufficient amd.com/gpu")], Reason.INSUFFICIENT_GPU, False),
        ([unschedulable("0/3 nodes: 3 Insufficient cpu")], Reason.UNSCHEDULABLE, False),
        ([unschedulable("")], Reason.UNSCHEDULABLE, False),
        ([unschedulable(NOT_FOUND)], Reason.VOLUME_UNAVAILABLE, True),
        ([waiting("ErrImagePull", "no such tag")], Reason.IMAGE_PULL_FAILED, True),
        ([waiting("ImagePullBackOff")], Reason.IMAGE_PULL_FAILED, True),
        ([waiting("InvalidImageName")], Reason.IMAGE_PULL_FAILED, True),
        ([waiting("CreateContainerConfigError", 'secret "a" not found')], Reason.SECRET_NOT_FOUND, True),
        ([crashed("CUDA out of memory")], Reason.OUT_OF_GPU_MEMORY, False),
        ([crashed("CUDA out of memory", restarts=2)], Reason.OUT_OF_GPU_MEMORY, True),
        ([crashed("is larger than the available KV cache memory")], Reason.OUT_OF_GPU_MEMORY, False),
        ([crashed("OSError: No such file: /models/tiny")], Reason.MODEL_NOT_FOUND, False),
        ([crashed("Repository Not Found for url", restarts=5)], Reason.MODEL_NOT_FOUND, True),
        ([crashed("unknown option", exit_code=64)], Reason.BAD_ENGINE_CONFIG, False),
        ([crashed("Segmentation fault")], Reason.CRASH_LOOP, False),
        ([crashed("Segmentation fault", restarts=2)], Reason.CRASH_LOOP, True),
        ([crashed("whatever", exit_code=137, reason="OOMKilled")], Reason.OUT_OF_HOST_MEMORY, False),
    ],
)
def test_trouble(modifiers: list[Modifier], reason: Reason, *, is_terminal: bool) -> None:
    trouble = view(*modifiers).trouble
    assert trouble is not None
    assert (trouble.reason, trouble.is_terminal) == (reason, is_terminal)


@pytest.mark.parametrize("modifiers", [[], [starting()], [ready()], [waiting("ContainerCreating")], [unready()]])
def test_a_pod_that_starts_or_serves_has_no_trouble(modifiers: list[Modifier]) -> None:
    assert view(*modifiers).trouble is None


def test_a_pod_that_serves_again_has_forgotten_its_crash() -> None:
    assert view(crashed("CUDA out of memory"), ready()).trouble is None


def test_the_farewell_gives_the_engines_own_words() -> None:
    farewell = {"exitCode": 70, "reason": "EngineDied", "message": "ValueError: unknown head size"}
    assert view(crashed(json.dumps(farewell))).trouble == Trouble(
        Reason.CRASH_LOOP, "ValueError: unknown head size", is_terminal=False
    )


@pytest.mark.proves("R78")
@pytest.mark.parametrize("message", ["{not json", "[]", "null", '"text"', "", "x" * 9000])
def test_any_termination_message_is_read_and_bounded(message: str) -> None:
    trouble = view(crashed(message)).trouble
    assert trouble is not None
    assert 0 < len(trouble.message) <= 900


def test_a_crash_without_a_message_names_its_exit_code() -> None:
    trouble = view(crashed("", exit_code=139)).trouble
    assert trouble is not None
    assert "139" in trouble.message


def test_other_containers_of_the_pod_are_not_looked_at() -> None:
    injected = {"name": "istio-proxy", "state": {"waiting": {"reason": "ErrImagePull"}}}
    assert view(with_status(containerStatuses=[injected])).trouble is None


def test_waiting_began_with_the_pod_or_with_the_last_end_of_its_container() -> None:
    assert view(LONG_AGO, NO_SECRET).trouble.since == "2026-11-20T00:00:00Z"
    restarted = {"name": "engine", "state": {"waiting": {"reason": "CreateContainerConfigError"}}}
    restarted["lastState"] = {"terminated": {"exitCode": 0, "finishedAt": NOW}}
    assert view(LONG_AGO, with_status(containerStatuses=[restarted])).trouble.since == NOW


@pytest.mark.parametrize(("prepared", "reason"), [("True", None), ("False", Reason.POD_NOT_PREPARED)])
def test_a_pod_that_its_node_cannot_prepare_says_so_in_time(prepared: str, reason: Reason | None) -> None:
    condition = {"type": "PodReadyToStartContainers", "status": prepared}
    seen = view(waiting("ContainerCreating"), with_status(conditions=[condition], startTime="2026-11-21T11:58:00Z"))
    found = worst([seen], NOW)
    assert (found.reason if found else None) == reason
    assert worst([seen], "2026-11-21T11:59:00Z") is None


def test_the_newest_end_counts() -> None:
    def end(message: str) -> dict:
        return {"terminated": {"exitCode": 70, "reason": "Error", "message": message}}

    status = {"name": "engine", "restartCount": 1, "state": end("CUDA out of memory"), "lastState": end("KeyError")}
    assert view(with_status(containerStatuses=[status])).trouble.reason == Reason.OUT_OF_GPU_MEMORY


def withdrawn() -> Modifier:
    """Ready says the kubelet, not ready says the node controller."""
    condition = {"type": "Ready", "status": "False", "lastTransitionTime": NOW}
    return builders.together(ready(), with_status(conditions=[condition]))


@pytest.mark.proves("R64", "F29")
def test_a_pod_whose_node_stopped_reporting_is_not_ready_and_says_why() -> None:
    seen = view(withdrawn())
    assert (seen.health, seen.trouble.reason, seen.trouble.is_terminal) == (Health.UNREADY, Reason.NODE_LOST, False)


def sent_away(when: str, reason: str = "PreemptionByScheduler") -> Modifier:
    condition = {"type": "DisruptionTarget", "status": "True", "reason": reason, "lastTransitionTime": when}
    return builders.together(ready(), builders.being_deleted(), with_status(conditions=[condition]))


@pytest.mark.proves("R64", "F30")
def test_a_pod_that_was_sent_away_explains_it_for_ten_minutes() -> None:
    gone = view(sent_away("2026-11-21T11:55:00Z"))
    assert (gone.health, worst([gone], NOW).reason) == (Health.LEAVING, Reason.PREEMPTED)
    assert worst([view(sent_away("2026-11-21T11:50:00Z"))], NOW) is None


def test_a_pod_that_leaves_has_no_trouble_of_its_own() -> None:
    assert view(crashed("CUDA out of memory"), builders.being_deleted()).trouble is None


EVICTED = with_status(phase="Failed", reason="Evicted", message="The node was low on resource: memory. ")


def test_an_eviction_without_a_time_explains_nothing() -> None:
    assert view(EVICTED).trouble.reason == Reason.EVICTED
    assert worst([view(EVICTED)], NOW) is None


@pytest.mark.parametrize(
    ("modifiers", "expected"),
    [
        pytest.param([[ready()]], None, id="none"),
        pytest.param([[unschedulable("Insufficient cpu")], [NO_SECRET]], Reason.SECRET_NOT_FOUND, id="hopeless first"),
        pytest.param([[BORN, NO_SECRET], [NO_SECRET]], Reason.SECRET_NOT_FOUND, id="hopeless by now first"),
        pytest.param(
            [[BORN, NO_SECRET], [waiting("InvalidImageName")]], Reason.IMAGE_PULL_FAILED, id="hopeless before grace"
        ),
        pytest.param([[BORN, NO_SECRET], [unschedulable("x")]], Reason.SECRET_NOT_FOUND, id="grace before passing"),
        pytest.param([[sent_away(NOW)], [unschedulable("x")]], Reason.UNSCHEDULABLE, id="present before past"),
    ],
)
def test_the_worst_trouble(modifiers: list[list[Modifier]], expected: Reason | None) -> None:
    found = worst([view(*each) for each in modifiers], NOW)
    assert (found.reason if found else None) == expected


def test_the_next_look_comes_when_the_first_grace_ends() -> None:
    younger = with_metadata(creationTimestamp="2026-11-21T11:59:50Z")
    two = present_troubles([view(younger, NO_SECRET), view(BORN, NO_SECRET), view(ready())])
    assert recheck_after(two, NOW) == 20
    none = present_troubles([view(LONG_AGO, NO_SECRET), view(BORN, unschedulable("x")), view(sent_away(NOW))])
    assert recheck_after(none, NOW) is None


def test_a_ready_container_has_served_also_where_nobody_says_that_it_has_started() -> None:
    """A played kubelet, as kwok's, leaves that out; the old pods of a rollout must still count."""
    raw = pod("a1", ready())
    del raw["status"]["containerStatuses"][0]["started"]
    assert pod_view(raw).has_served
