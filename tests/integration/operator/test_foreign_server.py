"""Somebody's HorizontalPodAutoscaler, as kube-controller-manager runs it, aims at what is ours to size."""

import json
import time

import pytest

from e2e.stack.audit import AuditLog
from tests.builders import Raw
from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180), pytest.mark.proves("F23")]
SEEN_SECONDS = 30
SYNCS_SECONDS = 20
"""Longer than one round of the autoscaler."""
AUTOSCALING = {"minReplicas": 1, "maxReplicas": 5, "targets": {"queueDepth": 4}}


@pytest.fixture(autouse=True)
def operator(start: Start) -> None:
    start()


def autoscaler(kind: str, api_version: str, name: str) -> Raw:
    """It has no metrics here, so that it asks for its least size."""
    resource = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": api_version, "kind": kind, "name": name},
            "minReplicas": 3,
            "maxReplicas": 4,
            "metrics": [{"type": "Resource", "resource": resource}],
        },
    }


def reason(fleet: Fleet) -> str:
    return str(fleet.condition("ScalingActive").get("reason"))


def warnings(fleet: Fleet) -> set[str]:
    found = json.loads(fleet.kubectl("get", "events", "-o", "json"))["items"]
    return {each["reason"] for each in found if each["type"] == "Warning"}


def test_one_that_aims_at_a_child_is_said_and_nobody_fights_over_the_size(
    fleet: Fleet, user: str, audit: AuditLog
) -> None:
    fleet.create(replicas=2)
    fleet.await_condition("Ready")
    child = next(iter(fleet.sizes()))
    fleet.kubectl("create", "-f", "-", document=autoscaler("Deployment", "apps/v1", child))
    eventually(lambda: reason(fleet), lambda found: found == "ForeignAutoscaler", SEEN_SECONDS)
    eventually(fleet.sizes, lambda sizes: sizes == {child: 3}, SEEN_SECONDS)
    fleet.await_condition("Ready")
    position = audit.end()
    time.sleep(SYNCS_SECONDS)
    assert [str(each) for each in audit.writes(position, user) if each.resource == "deployments"] == []
    assert fleet.sizes() == {child: 3}
    assert "ForeignAutoscaler" in warnings(fleet)
    fleet.kubectl("delete", "hpa", "web")
    eventually(fleet.sizes, lambda sizes: sizes == {child: 2}, SEEN_SECONDS)
    eventually(lambda: reason(fleet), lambda found: found == "NotConfigured")


def test_one_that_aims_at_the_object_beside_our_autoscaling_is_said_and_refused(fleet: Fleet) -> None:
    fleet.create(replicas=2, autoscaling=AUTOSCALING)
    fleet.await_condition("Ready")
    before = fleet.sizes()
    fleet.kubectl("create", "-f", "-", document=autoscaler("LLMDeployment", "llmfleet.io/v1alpha1", fleet.name))
    eventually(lambda: reason(fleet), lambda found: found == "ForeignAutoscaler", SEEN_SECONDS)
    told = eventually(lambda: fleet.kubectl("describe", "hpa", "web"), lambda text: "FailedUpdateScale" in text)
    assert "replicas is ignored while autoscaling is set" in told
    assert (fleet.get()["spec"]["replicas"], fleet.sizes()) == (2, before)
