"""A manifest applied again and again, replaced, copied: nothing happens that the manifest does not say."""

import json

import pytest

from llmfleet import names
from tests.builders import merged
from tests.integration.gitops.conftest import Operator
from tests.integration.gitops.repository import SERVER_SIDE, TRACKING, Repository
from tests.integration.operator.fleet import KINDS
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster
FULL = {
    "accelerator": {"products": ["NVIDIA-H100-80GB-HBM3"]},
    "engine": {"maxModelLen": 512, "env": [{"name": "TZ", "value": ""}], "args": [{"name": "enable-auto-tool-choice"}]},
    "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"cpu": 2}, "sharedMemory": "2048Mi"},
    "pod": {"tolerations": [{"key": "a", "value": ""}], "topologySpread": [{"topologyKey": "kubernetes.io/hostname"}]},
    "service": {"port": 80, "annotations": {"empty": ""}},
    "access": {"from": [{"namespaceLabels": {}, "podLabels": {"empty": ""}}]},
    "rollout": {"type": "Auto", "surge": {}, "restartTime": "2026-11-21T12:00:00+01:00"},
    "disruption": {"maxUnavailable": 1},
    "paused": False,
}
"""Defaults written out, quantities written oddly, empty texts: what tends to come back otherwise than it went in."""


@pytest.mark.proves("R45")
@pytest.mark.parametrize("flags", [pytest.param((), id="client side"), pytest.param(SERVER_SIDE, id="server side")])
def test_applying_the_same_manifest_again_changes_nothing(fleet: Repository, flags: tuple[str, ...]) -> None:
    fleet.apply(*flags, **FULL)
    fleet.await_ready()
    pods, generation = fleet.pods(), fleet.generation()
    for _ in range(20):
        fleet.apply(*flags, **FULL)
    assert not fleet.has_drifted(*flags, **FULL)
    assert (fleet.generation(), fleet.pods()) == (generation, pods) == (1, pods)


def test_a_manifest_that_was_changed_is_drift(fleet: Repository) -> None:
    fleet.apply()
    assert fleet.has_drifted(replicas=3)
    assert fleet.has_drifted(*SERVER_SIDE, replicas=3)


@pytest.mark.proves("R46")
def test_the_operator_owns_fields_of_the_status_only(fleet: Repository) -> None:
    fleet.apply(autoscaling={"minReplicas": 2, "maxReplicas": 4, "targets": {"queueDepth": 4}}, replicas=None)
    fleet.await_ready()
    managers = {names.STATUS_MANAGER, names.AUTOSCALER_MANAGER}
    ours = eventually(
        lambda: [each for each in fleet.managed_fields() if each["manager"].startswith("llmfleet")],
        lambda found: {each["manager"] for each in found} == managers,
    )
    assert {each["subresource"] for each in ours} == {"status"}
    assert all(set(each["fieldsV1"]) == {"f:status"} for each in ours)
    metadata = fleet.get()["metadata"]
    assert set(metadata["annotations"]) == {"kubectl.kubernetes.io/last-applied-configuration"}
    assert "labels" not in metadata
    assert "finalizers" not in metadata


@pytest.mark.proves("R13")
def test_replacing_the_object_by_itself_or_by_its_manifest_restarts_no_pod(fleet: Repository) -> None:
    fleet.apply()
    live = fleet.await_ready()
    pods = fleet.pods()
    for document in (live, fleet.manifest()):  # the second takes the annotations away
        fleet.kubectl("replace", "-f", "-", document=document)
    assert "annotations" not in fleet.get()["metadata"]
    assert (fleet.generation(), fleet.await_ready()["status"]) == (1, live["status"])
    assert fleet.pods() == pods


@pytest.mark.proves("R12", "R50", "S77")
def test_a_copy_with_all_its_foreign_metadata_is_a_fleet_like_any_other(fleet: Repository) -> None:
    fleet.apply(access={"from": [{"podLabels": {"app": "gateway"}}]})
    original = fleet.await_ready()
    copy = Repository(fleet.cluster, fleet.namespace, f"{fleet.name}-copy")
    members = {"name": copy.name, "resourceVersion": None}
    copy.kubectl("create", "-f", "-", document=merged(original, {"metadata": TRACKING | members}))
    copied = copy.await_ready()
    assert copied["metadata"]["uid"] != original["metadata"]["uid"]
    assert copied["status"]["endpoint"] == f"http://{copy.name}.{copy.namespace}.svc:8000/v1"
    assert len(copy.pods()) == len(fleet.pods()) == 2
    _children_are_clean(copy)


def _children_are_clean(fleet: Repository) -> None:
    uid = fleet.get()["metadata"]["uid"]
    children = fleet.list(KINDS)
    assert len(children) == 7
    for raw in children:
        (owner,) = raw["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == (uid, True)
    for raw in (*children, *fleet.list("pods"), *fleet.list("replicasets")):
        assert not TRACKING["labels"].keys() & raw["metadata"]["labels"].keys()
        assert not TRACKING["annotations"].keys() & raw["metadata"].get("annotations", {}).keys()


@pytest.mark.proves("R12")
def test_a_copied_finalizer_of_another_kopf_operator_is_left_to_that_one(fleet: Repository, operator: Operator) -> None:
    finalizer = "kopf.zalando.org/KopfFinalizerMarker"
    document = merged(fleet.manifest(replicas=1), {"metadata": {"finalizers": [finalizer]}})
    fleet.kubectl("create", "-f", "-", document=document)
    fleet.await_ready()
    fleet.edit(replicas=2)
    assert fleet.await_ready()["metadata"]["finalizers"] == [finalizer]
    assert "Traceback" not in operator.process.log.read_text(encoding="utf-8")
    fleet.kubectl("patch", "llm", fleet.name, "--type=merge", "-p", json.dumps({"metadata": {"finalizers": None}}))
