"""A fleet on a real API server: made, rolled, sized, mended, taken away."""

import json

import pytest

from e2e.cluster import ClusterError
from tests.builders import Raw
from tests.faults.floor import Floor
from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import KINDS, REPAIRED_SECONDS, Fleet
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster
BORN_SECONDS = 30.0
"""From the object to a ready fleet of it (R01)."""


@pytest.fixture(autouse=True)
def operator(start: Start) -> None:
    start()


@pytest.mark.proves("R01", "R50", "R54")
def test_a_new_object_becomes_a_ready_fleet_of_owned_children(fleet: Fleet) -> None:
    fleet.create()
    ready = fleet.await_condition("Ready", seconds=BORN_SECONDS)
    assert ready["reason"] == "AllReplicasReady"
    raw = fleet.get()
    of = raw["status"]["revision"]
    found = fleet.list(KINDS)
    assert [f"{each['kind']}/{each['metadata']['name']}" for each in found] == [
        f"ConfigMap/qwen-{of}",
        "ConfigMap/qwen-live",
        f"ControllerRevision/qwen-{of}",
        f"Deployment/qwen-{of}",
        "PodDisruptionBudget/qwen",
        "Service/qwen",
    ]
    assert {each["metadata"]["ownerReferences"][0]["uid"] for each in found} == {raw["metadata"]["uid"]}
    status = raw["status"]
    assert (status["replicas"], status["readyReplicas"], status["readySummary"]) == (2, 2, "2/2")


@pytest.mark.proves("R59")
def test_an_edit_of_the_engine_replaces_pods_without_dropping_below_the_size(fleet: Fleet) -> None:
    fleet.create()
    fleet.await_condition("Ready")
    old = set(fleet.sizes())
    with Floor(fleet) as floor:
        floor.hold(2)
        fleet.edit(engine={"maxModelLen": 512})
        fleet.await_condition("Ready")
        eventually(fleet.sizes, lambda sizes: not old & sizes.keys())
        assert floor.losses() == []
    assert len(fleet.list("controllerrevisions")) == 2


def test_a_spec_that_changes_no_pod_restarts_none(fleet: Fleet) -> None:
    fleet.create()
    fleet.await_condition("Ready")
    pods = {pod["metadata"]["uid"] for pod in fleet.list("pods")}
    fleet.edit(lifecycle={"drainTimeoutSeconds": 5}, service={"port": 80, "annotations": {"example.com/a": "b"}})
    fleet.await_condition("Ready")
    live = eventually(
        lambda: json.loads(fleet.kubectl("get", "configmap", "qwen-live", "-o", "jsonpath={.data.live\\.json}")),
        lambda found: found["number"] == 2,
    )
    assert live["drainTimeoutSeconds"] == 5
    assert {pod["metadata"]["uid"] for pod in fleet.list("pods")} == pods


@pytest.mark.proves("R49")
def test_the_scale_subresource_sizes_the_fleet(fleet: Fleet) -> None:
    fleet.create()
    fleet.await_condition("Ready")
    fleet.kubectl("scale", "llm", "qwen", "--replicas=3")
    eventually(fleet.ready_pods, lambda ready: ready == 3)
    scale = json.loads(fleet.kubectl("get", "llm", "qwen", "--subresource=scale", "-o", "json"))
    eventually(lambda: fleet.get()["status"]["replicas"], lambda replicas: replicas == 3)
    selected = fleet.kubectl("get", "pods", "-l", scale["status"]["selector"], "-o", "name").split()
    assert len(selected) == 3
    fleet.kubectl("scale", "llm", "qwen", "--replicas=0")
    assert fleet.await_condition("Ready")["reason"] in ("ScaledToZero", "AllReplicasReady")
    eventually(lambda: fleet.condition("Ready"), lambda found: found.get("reason") == "ScaledToZero")
    assert fleet.list("poddisruptionbudgets") == []


@pytest.mark.proves("R08", "F21", "F22")
def test_what_was_edited_by_hand_is_put_back(fleet: Fleet) -> None:
    fleet.create()
    fleet.await_condition("Ready")
    (name,) = fleet.sizes()
    fleet.kubectl("scale", "deployment", name, "--replicas=0")
    eventually(fleet.sizes, lambda sizes: sizes == {name: 2}, REPAIRED_SECONDS)
    fleet.kubectl("patch", "service", "qwen", "-p", '{"spec": {"selector": {"mine": "yes"}}}')
    eventually(
        lambda: json.loads(fleet.kubectl("get", "service", "qwen", "-o", "json"))["spec"]["selector"],
        lambda selector: set(selector) == {"llmfleet.io/uid"},
        REPAIRED_SECONDS,
    )
    fleet.kubectl("delete", "service,poddisruptionbudget", "qwen")
    eventually(lambda: len(fleet.list("services,poddisruptionbudgets")), lambda count: count == 2, REPAIRED_SECONDS)
    fleet.await_condition("Ready")


BY_HAND = {"image": "mine:1", "env": [{"name": "MINE", "value": "1"}]}
"""Of the engine's container: one of our fields changed, and one of somebody else's added."""


@pytest.mark.proves("R08", "F22")
def test_a_pod_template_edited_by_hand_is_put_back_and_every_pod_is_of_it_again(fleet: Fleet) -> None:
    fleet.create()
    fleet.await_condition("Ready")
    (name,) = fleet.sizes()
    ours = _image(fleet, name)
    edit = {"spec": {"template": {"spec": {"containers": [{"name": "engine", **BY_HAND}]}}}}
    fleet.kubectl("patch", "deployment", name, "-p", json.dumps(edit))
    eventually(lambda: _image(fleet, name), lambda image: image == ours)
    fleet.await_condition("Ready")
    images = eventually(lambda: {_engine(pod["spec"])["image"] for pod in fleet.serving()}, lambda all_: all_ == {ours})
    assert images == {ours}


@pytest.mark.proves("R08", "F21")
def test_an_engine_document_deleted_by_hand_is_made_again_as_it_was(fleet: Fleet) -> None:
    fleet.create()
    fleet.await_condition("Ready")
    name = f"qwen-{fleet.get()['status']['revision']}"
    pods, before = fleet.serving(), _document(fleet, name)
    fleet.kubectl("delete", "configmap", name)
    after = eventually(lambda: _document(fleet, name), lambda found: found and found["uid"] != before["uid"])
    assert after["data"] == before["data"]
    fleet.await_condition("Ready")
    assert [pod["metadata"]["uid"] for pod in fleet.serving()] == [pod["metadata"]["uid"] for pod in pods]


def _document(fleet: Fleet, name: str) -> Raw:
    """UID and data of a ConfigMap; empty without it."""
    found = (raw for raw in fleet.list("configmaps") if raw["metadata"]["name"] == name)
    return next(({"uid": raw["metadata"]["uid"], "data": raw["data"]} for raw in found), {})


@pytest.mark.proves("R08", "F21")
def test_a_record_deleted_by_hand_is_said_touches_no_pod_and_a_new_revision_goes_on(fleet: Fleet) -> None:
    """What was frozen cannot be made again; its pods are worth more than it (ruling 2)."""
    fleet.create()
    fleet.await_condition("Ready")
    pods, (old,) = fleet.serving(), fleet.sizes()
    fleet.kubectl("delete", "controllerrevision", old)
    assert fleet.await_condition("Stalled")["reason"] == "RevisionMissing"
    fleet.edit(replicas=3)
    eventually(lambda: fleet.condition("Stalled").get("reason"), lambda reason: reason == "RevisionMissing")
    assert [pod["metadata"]["uid"] for pod in fleet.serving()] == [pod["metadata"]["uid"] for pod in pods]
    assert fleet.sizes() == {old: 2}
    fleet.edit(rollout={"restartTime": "2026-11-21T12:00:00Z"})
    fleet.await_condition("Ready")
    assert list(eventually(fleet.sizes, lambda sizes: old not in sizes).values()) == [3]


def _engine(spec: Raw) -> Raw:
    return next(each for each in spec["containers"] if each["name"] == "engine")


def _image(fleet: Fleet, deployment: str) -> str:
    raw = json.loads(fleet.kubectl("get", "deployment", deployment, "-o", "json"))
    return str(_engine(raw["spec"]["template"]["spec"])["image"])


@pytest.mark.proves("R14", "S83")
def test_a_foreign_service_of_the_name_is_left_alone_and_said_and_its_end_is_noticed(fleet: Fleet) -> None:
    fleet.kubectl("create", "service", "clusterip", "qwen", "--tcp=1234")
    fleet.create()
    stalled = fleet.await_condition("Stalled")
    assert stalled["reason"] == "NameTaken"
    assert "Service/qwen" in stalled["message"]
    service = json.loads(fleet.kubectl("get", "service", "qwen", "-o", "json"))
    assert [port["port"] for port in service["spec"]["ports"]] == [1234]
    assert service["spec"]["selector"] == {"app": "qwen"}
    fleet.kubectl("delete", "service", "qwen")
    fleet.await_condition("Ready", seconds=90)


@pytest.mark.proves("F28")
def test_a_fleet_that_finds_no_gpu_waits_and_is_not_stalled(fleet: Fleet) -> None:
    fleet.create(replicas=1, accelerator={"products": ["NVIDIA-NONE"]})
    waiting = eventually(
        lambda: fleet.condition("Reconciling"), lambda found: found.get("reason") not in (None, "Starting")
    )
    assert (waiting["status"], waiting["reason"]) == ("True", "Unschedulable")
    assert fleet.condition("Stalled")["status"] == "False"


@pytest.mark.proves("R33", "S65")
@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"replicas": -1}, "spec.replicas"),
        ({"model": {"uri": "http://example.com"}}, "spec.model.uri"),
        ({"engine": {"args": [{"name": "trust-remote-code"}]}}, "not an allowed engine option"),
    ],
    ids=str,
)
def test_an_invalid_edit_is_refused_and_the_fleet_goes_on(fleet: Fleet, edit: dict, words: str) -> None:
    fleet.create(replicas=1)
    fleet.await_condition("Ready")
    before = fleet.get()
    with pytest.raises(ClusterError, match=words):
        fleet.kubectl("patch", "llm", "qwen", "--type=merge", "-p", json.dumps({"spec": edit}))
    assert fleet.get() == before


@pytest.mark.proves("R15")
def test_deleting_the_object_takes_everything_with_it(fleet: Fleet) -> None:
    fleet.create()
    fleet.await_condition("Ready")
    fleet.kubectl("delete", "llm", "qwen", "--wait=true")
    eventually(lambda: len(fleet.list(f"{KINDS},pods")), lambda count: count == 0)


@pytest.mark.proves("R17", "S86")
def test_a_name_born_again_is_a_new_fleet(fleet: Fleet) -> None:
    fleet.create(replicas=1)
    fleet.await_condition("Ready")
    first = fleet.get()["status"]["revision"]
    fleet.kubectl("delete", "llm", "qwen", "--wait=true")
    fleet.create(replicas=1)
    fleet.await_condition("Ready", seconds=90)
    assert fleet.get()["status"]["revision"] != first
    eventually(
        lambda: {pod["metadata"]["labels"]["llmfleet.io/revision"] for pod in fleet.list("pods")},
        lambda found: first not in found,
    )
