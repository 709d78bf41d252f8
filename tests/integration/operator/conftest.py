"""A real control plane whose nodes are played, and in it one namespace and one operator identity for each test."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest

from e2e.cluster import Cluster, ClusterError, Profile
from e2e.stack.audit import AuditLog
from tests.builders import Raw
from tests.clusters import with_crd
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import OperatorProcess, eventually, kubeconfig_of

REPOSITORY = Path(__file__).parents[3]
CHART = REPOSITORY / "charts" / "llmfleet"
HOME, SEEN = "namespace-of-the-operator", "namespace-of-the-fleets"
Start = Callable[..., OperatorProcess]
Nodes = Callable[..., str]


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """Kept running for the next session."""
    return with_crd(Profile.CONTROL)


@contextmanager
def fresh_namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace for as long as it is needed."""
    name = f"fleet-{uuid.uuid4().hex[:8]}"
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    try:
        yield name
    finally:
        with suppress(ClusterError):  # a test has deleted it
            cluster.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    with fresh_namespace(cluster) as name:
        yield name


@pytest.fixture
def fleet(cluster: Cluster, namespace: str) -> Fleet:
    return Fleet(cluster, namespace)


@cache
def rights_in(cluster: Cluster, namespace: str, watched: str) -> str:
    """What the chart grants an operator of one namespace in another."""
    chosen = ("-s", "templates/rbac.yaml", "-s", "templates/serviceaccount.yaml")
    there = ("--namespace", namespace, "--set", f"watchNamespaces={{{watched}}}")
    return cluster.helm("template", "llmfleet", str(CHART), *there, *chosen)


def grant(cluster: Cluster, namespace: str, watched: str = "") -> str:
    """Give the operator the rights that the chart gives it; its user, as the audit log names it.

    It looks after its own namespace, or after ``watched``.
    """
    rights = rights_in(cluster, HOME, SEEN).replace(HOME, namespace).replace(SEEN, watched or namespace)
    cluster.kubectl("apply", "-f", "-", input=rights)
    return f"system:serviceaccount:{namespace}:llmfleet"


@pytest.fixture
def user(cluster: Cluster, namespace: str) -> str:
    return grant(cluster, namespace)


@pytest.fixture
def start(cluster: Cluster, namespace: str, user: str, tmp_path: Path) -> Iterator[Start]:
    """Start a replica of the operator; all are ended after the test."""
    with starter(cluster, namespace, tmp_path) as begin:
        yield begin


@contextmanager
def starter(cluster: Cluster, namespace: str, folder: Path) -> Iterator[Start]:
    """Start replicas of the operator that has its rights in a namespace; all are ended at the end."""
    kubeconfig = kubeconfig_of(cluster, namespace, folder / f"kubeconfig-{namespace}")
    started: list[OperatorProcess] = []

    def begin(identity: str = "first", *, until_leading: bool = True, **settings: str) -> OperatorProcess:
        started.append(OperatorProcess(kubeconfig, namespace, folder, identity, settings))
        if until_leading:
            eventually(lambda: started[-1].is_leading, bool)
        return started[-1]

    try:
        yield begin
    finally:
        for each in started:
            if each.process.poll() is None:
                each.kill()
            text = each.log.read_text(encoding="utf-8")[-20_000:]
            print(text)  # noqa: T201 because pytest shows it where a test fails


@pytest.fixture
def audit(cluster: Cluster) -> AuditLog:
    return AuditLog(cluster.audit_log)


@pytest.fixture
def rare() -> str:
    """A device that no other test's pods and nodes have."""
    return f"example.com/{uuid.uuid4().hex[:8]}"


def on_rare(rare: str, **pod: object) -> Raw:
    """The spec's members of a fleet that uses the rare device."""
    tolerations = [{"key": rare, "operator": "Exists"}]
    return {"accelerator": {"resourceName": rare}, "pod": {"tolerations": tolerations, **pod}}


@pytest.fixture
def nodes(cluster: Cluster, rare: str) -> Iterator[Nodes]:
    """Makes nodes with one rare device, or more, which are gone after the test.

    Kwok plays those of the kind that it knows, others nobody.
    """
    made: list[str] = []

    def make(kind: str = "kwok", devices: int = 1) -> str:
        made.append(f"{kind}-{uuid.uuid4().hex[:6]}")
        document = node(made[-1], kind, {rare: str(devices)})
        cluster.kubectl("create", "-f", "-", input=json.dumps(document))
        status = json.dumps({"status": document["status"]})
        cluster.kubectl("patch", "node", made[-1], "--subresource=status", "--type=merge", "-p", status)
        return made[-1]

    yield make
    for name in made:
        cluster.kubectl("delete", "node", name, "--ignore-not-found")


def node(name: str, kind: str, devices: Mapping[str, str]) -> Raw:
    """A node with rare devices, which nothing else may use: pods of other tests would go with it."""
    given = {"cpu": "8", "memory": "64Gi", "pods": "10", **devices}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"type": kind, "kubernetes.io/hostname": name},
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": {"taints": [{"key": device, "effect": "NoSchedule"} for device in devices]},
        "status": {"allocatable": given, "capacity": given, "conditions": [{"type": "Ready", "status": "True"}]},
    }
