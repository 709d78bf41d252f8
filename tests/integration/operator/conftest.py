"""A real control plane whose nodes are played, and in it one namespace and one operator identity for each test."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.cluster import Cluster, Profile
from e2e.stack.audit import AuditLog
from tests.clusters import with_crd
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import OperatorProcess, eventually, kubeconfig_of

REPOSITORY = Path(__file__).parents[3]
CHART = REPOSITORY / "charts" / "llmfleet"
Start = Callable[..., OperatorProcess]


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """Kept running for the next session."""
    return with_crd(Profile.CONTROL)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = f"fleet-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def fleet(cluster: Cluster, namespace: str) -> Fleet:
    return Fleet(cluster, namespace)


@pytest.fixture
def user(cluster: Cluster, namespace: str) -> str:
    """The operator's own user, as the audit log names it, with the rights that the chart gives it."""
    chosen = (
        "--set",
        f"watchNamespaces={{{namespace}}}",
        "-s",
        "templates/rbac.yaml",
        "-s",
        "templates/serviceaccount.yaml",
    )
    rights = cluster.helm("template", "llmfleet", str(CHART), "--namespace", namespace, *chosen)
    cluster.kubectl("apply", "-f", "-", input=rights)
    return f"system:serviceaccount:{namespace}:llmfleet"


@pytest.fixture
def start(cluster: Cluster, namespace: str, user: str, tmp_path: Path) -> Iterator[Start]:
    """Start a replica of the operator; all are ended after the test."""
    token = cluster.kubectl("--namespace", namespace, "create", "token", "llmfleet").strip()
    kubeconfig = kubeconfig_of(cluster, token, tmp_path / "kubeconfig")
    started: list[OperatorProcess] = []

    def begin(identity: str = "first", *, until_leading: bool = True) -> OperatorProcess:
        started.append(OperatorProcess(kubeconfig, namespace, tmp_path, identity))
        if until_leading:
            eventually(lambda: started[-1].is_leading, bool)
        return started[-1]

    yield begin
    for each in started:
        if each.process.poll() is None:
            each.kill()
        print(each.log.read_text(encoding="utf-8")[-20_000:])  # noqa: T201 because pytest shows it where a test fails


@pytest.fixture
def audit(cluster: Cluster) -> AuditLog:
    return AuditLog(cluster.audit_log)
