"""Any order of applying, a pause, and what a cluster need not have."""

import itertools
import json
from collections.abc import Iterator

import pytest

from e2e.cluster import Cluster
from e2e.stack.audit import AuditLog
from tests.builders import Raw
from tests.integration.gitops.conftest import Operator
from tests.integration.gitops.repository import Repository
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster
OPTIONAL_GROUPS = ("keda.sh", "monitoring.coreos.com", "gateway.networking.k8s.io", "cert-manager.io")


@pytest.fixture
def volume(cluster: Cluster, fleet: Repository) -> Iterator[str]:
    """A persistent volume for a claim of the fleet's name."""
    claim = {"namespace": fleet.namespace, "name": fleet.name}
    capacity = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadOnlyMany"], "hostPath": {"path": "/models"}}
    metadata = {"name": fleet.name}
    document = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": capacity}
    fleet.kubectl("create", "-f", "-", document=document | {"spec": capacity | {"claimRef": claim}})
    yield fleet.name
    cluster.kubectl("delete", "persistentvolume", fleet.name, "--wait=false")


def _needed(fleet: Repository) -> dict[str, Raw]:
    """The object and what it names, each a document of its own."""
    metadata = {"name": fleet.name}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    asked = {"accessModes": ["ReadOnlyMany"], "storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": asked}
    model, pod = {"uri": f"pvc://{fleet.name}/tiny"}, {"serviceAccountName": fleet.name}
    return {"object": fleet.manifest(replicas=1, model=model, pod=pod), "account": account, "claim": claim}


ORDERS = [order for order in itertools.permutations(("object", "account", "claim")) if order[-1] != "object"]


@pytest.mark.proves("R52")
@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
def test_what_the_object_names_may_come_later(fleet: Repository, volume: str, order: tuple[str, ...]) -> None:
    documents = _needed(fleet)
    for each in order:
        fleet.kubectl("apply", "-f", "-", document=documents[each])
        if each == "object":
            eventually(lambda: fleet.condition("Ready"), lambda found: found.get("status") == "False")
    fleet.await_ready()


@pytest.mark.proves("R52")
def test_a_quota_that_is_raised_later_holds_nothing_up(fleet: Repository) -> None:
    fleet.kubectl("create", "quota", fleet.name, "--hard=count/pods=0")
    try:
        eventually(
            lambda: fleet.kubectl("get", "quota", fleet.name, "-o", "jsonpath={.status.hard}"), lambda text: "0" in text
        )
        fleet.apply(replicas=1)
        waiting = eventually(lambda: fleet.condition("Ready"), lambda found: found.get("reason") == "QuotaExceeded")
        assert "exceeded quota" in waiting["message"]
        assert fleet.condition("Reconciling")["status"] == "True"
    finally:
        fleet.kubectl("delete", "quota", fleet.name)
    fleet.await_ready()


@pytest.mark.proves("R53")
def test_while_paused_nothing_is_touched_and_resuming_goes_on(
    fleet: Repository, operator: Operator, audit: AuditLog
) -> None:
    fleet.apply(replicas=1)
    fleet.await_ready()
    fleet.apply(replicas=1, paused=True)
    assert fleet.await_ready()["status"]["conditions"][0]["reason"] == "Paused"
    position, (deployment,) = audit.end(), fleet.sizes()
    fleet.apply(replicas=2, paused=True, engine={"maxModelLen": 512})
    fleet.kubectl("delete", "service", fleet.name)
    fleet.kubectl("scale", "deployment", deployment, "--replicas=2")
    assert fleet.await_condition("Stalled")["reason"] == "Paused"
    eventually(lambda: fleet.get()["status"]["readyReplicas"], lambda ready: ready == 2)
    assert operator.wrote(audit, position, fleet) == set()
    assert fleet.sizes() == {deployment: 2}
    fleet.apply(replicas=2, engine={"maxModelLen": 512})
    fleet.await_ready()
    eventually(lambda: deployment in fleet.sizes(), lambda is_there: not is_there)
    assert len(fleet.list("services")) == 1


@pytest.mark.proves("R54")
def test_no_optional_api_is_needed(fleet: Repository) -> None:
    served = {each["name"] for each in json.loads(fleet.kubectl("get", "--raw", "/apis"))["groups"]}
    assert not served & set(OPTIONAL_GROUPS)
    fleet.apply(autoscaling={"minReplicas": 1, "maxReplicas": 2, "targets": {"queueDepth": 4}}, replicas=None)
    fleet.await_ready()
