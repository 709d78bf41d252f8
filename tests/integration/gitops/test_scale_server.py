"""Who says the size: the manifest, the autoscaler, `kubectl scale` or somebody's HorizontalPodAutoscaler."""

import json
from typing import Any

import pytest

from tests.integration.gitops.repository import SERVER_SIDE, Repository
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster
AUTOSCALING = {"autoscaling": {"minReplicas": 1, "maxReplicas": 5, "targets": {"queueDepth": 4}}, "replicas": None}
OTHERS = "ForeignAutoscaler"


@pytest.mark.proves("R47")
@pytest.mark.parametrize("flags", [pytest.param((), id="client side"), pytest.param(SERVER_SIDE, id="server side")])
def test_the_autoscalers_size_stands_however_often_the_manifest_is_applied(
    fleet: Repository, flags: tuple[str, ...]
) -> None:
    fleet.apply(*flags, **AUTOSCALING)
    fleet.await_ready()
    seen = [fleet.wanted()]
    for desired in (2, 4, 5):
        fleet.decide(desired)
        for _ in range(4):
            fleet.apply(*flags, **AUTOSCALING)
            seen.append(fleet.wanted())
        eventually(fleet.wanted, lambda size, desired=desired: size == desired)
        seen.append(desired)
    assert seen == sorted(seen)
    assert (seen[0], fleet.generation()) == (1, 1)
    assert not fleet.has_drifted(*flags, **AUTOSCALING)


@pytest.mark.proves("R47")
def test_a_size_set_by_scale_stands_beside_a_manifest_without_one(fleet: Repository) -> None:
    fleet.apply(*SERVER_SIDE, replicas=None)
    fleet.await_ready()
    fleet.kubectl("patch", "llm", fleet.name, "--type=merge", "-p", '{"spec": {"replicas": 3}}')
    for _ in range(4):
        fleet.apply(*SERVER_SIDE, replicas=None)
    fleet.await_ready()
    assert fleet.get()["spec"]["replicas"] == fleet.wanted() == 3
    assert not fleet.has_drifted(*SERVER_SIDE, replicas=None)


@pytest.mark.proves("R48")
@pytest.mark.parametrize(
    ("flags", "back"),
    [
        pytest.param((), 3, id="client side, to a size"),
        pytest.param(SERVER_SIDE, None, id="server side, to the size at hand"),
    ],
)
def test_from_a_size_to_autoscaling_and_back_no_pod_goes(
    fleet: Repository, flags: tuple[str, ...], back: int | None
) -> None:
    fleet.apply(*flags, replicas=3)
    fleet.await_ready()
    pods = fleet.pods()
    for spec in (AUTOSCALING, {"replicas": back}):
        fleet.apply(*flags, **spec)
        _await_looked_at(fleet)
        assert fleet.wanted() == 3
    assert fleet.await_ready()["status"]["desiredReplicas"] == 3
    assert fleet.pods() == pods


def _await_looked_at(fleet: Repository) -> None:
    eventually(fleet.get, lambda raw: raw["status"]["observedGeneration"] == raw["metadata"]["generation"])


@pytest.mark.proves("R49")
def test_a_foreign_autoscaler_scales_the_object_and_sees_its_pods(fleet: Repository) -> None:
    other = Repository(fleet.cluster, fleet.namespace, f"{fleet.name}-other")
    for each, least in ((fleet, 3), (other, 2)):
        each.apply(replicas=2)
        each.await_ready()
        _autoscale(each, least, "llmfleet.io/v1alpha1", "LLMDeployment", each.name)
    grown = eventually(lambda: _status(fleet), lambda status: status.get("desiredReplicas") == 3)
    assert grown["currentReplicas"] == 2
    eventually(fleet.wanted, lambda size: size == 3)
    assert fleet.get()["spec"]["replicas"] == 3
    measured = eventually(lambda: _conditions(other), lambda found: "ScalingActive" in found)
    assert measured["AbleToScale"]["status"] == "True"
    assert measured["ScalingActive"]["reason"] == "FailedGetResourceMetric"  # a bad selector would come first
    scale = json.loads(fleet.kubectl("get", "llm", fleet.name, "--subresource=scale", "-o", "json"))
    selected = fleet.kubectl("get", "pods", "-l", scale["status"]["selector"], "-o", "name").split()
    assert len(selected) == 3
    fleet.kubectl("delete", "hpa", "--all")


@pytest.mark.proves("F23")
def test_a_foreign_autoscaler_of_a_child_keeps_the_size_that_it_made_until_it_goes(fleet: Repository) -> None:
    fleet.apply(replicas=2)
    fleet.await_ready()
    (child,) = fleet.sizes()
    _autoscale(fleet, 3, "apps/v1", "Deployment", child)
    told = eventually(lambda: fleet.condition("ScalingActive"), lambda found: found.get("reason") == OTHERS, 30)
    assert f"HorizontalPodAutoscaler/{fleet.name} has the size of Deployment/{child}" in told["message"]
    eventually(fleet.wanted, lambda size: size == 3)
    fleet.await_ready()
    pods = fleet.pods()
    fleet.apply(replicas=1)
    assert fleet.await_ready()["status"]["desiredReplicas"] == 3
    assert (fleet.wanted(), fleet.pods()) == (3, pods)
    fleet.kubectl("delete", "hpa", "--all")
    eventually(fleet.wanted, lambda size: size == 1)
    fleet.await_ready()


def _autoscale(fleet: Repository, least: int, group: str, kind: str, name: str) -> None:
    resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    document = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": fleet.name},
        "spec": {
            "scaleTargetRef": {"apiVersion": group, "kind": kind, "name": name},
            "minReplicas": least,
            "maxReplicas": 4,
            "metrics": [{"type": "Resource", "resource": resource}],
        },
    }
    fleet.kubectl("create", "-f", "-", document=document)


def _status(fleet: Repository) -> dict[str, Any]:
    return dict(json.loads(fleet.kubectl("get", "hpa", fleet.name, "-o", "json")).get("status", {}))


def _conditions(fleet: Repository) -> dict[str, Any]:
    return {each["type"]: each for each in _status(fleet).get("conditions", ())}
