"""A namespace whose pod security level forbids what the spec asks for: refused by the real admission, told, mended."""

import pytest

from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster
ON_THE_NODE = {"cache": {"type": "HostPath", "hostPath": {"path": "/mnt/models"}}}
LEVEL = "pod-security.kubernetes.io/enforce"


def enforce(fleet: Fleet, level: str) -> None:
    fleet.cluster.kubectl("label", "namespace", fleet.namespace, f"{LEVEL}={level}", "--overwrite")


@pytest.fixture
def consenting(start: Start, fleet: Fleet) -> Fleet:
    """The operator allows what the namespace does not: the restricted level is enforced."""
    enforce(fleet, "restricted")
    start(HOST_PATH_CACHES="/mnt/models")
    return fleet


def until_refused(fleet: Fleet) -> None:
    told = eventually(lambda: fleet.condition("Ready"), lambda found: found.get("reason") == "PodSecurityViolation", 30)
    assert 'violates PodSecurity "restricted' in told["message"]
    assert "hostPath" in told["message"]
    assert "or take a namespace whose level allows it" in told["message"]


@pytest.mark.proves("F27", "R43")
def test_pods_that_pod_security_refuses_come_once_it_allows_them(consenting: Fleet) -> None:
    consenting.create(replicas=1, model=ON_THE_NODE)
    until_refused(consenting)
    assert consenting.list("pods") == []
    enforce(consenting, "privileged")
    consenting.await_condition("Ready", seconds=90)


@pytest.mark.proves("F27", "R09")
def test_a_serving_fleet_goes_on_while_pod_security_refuses_its_new_pods(consenting: Fleet) -> None:
    consenting.create(replicas=2)
    consenting.await_condition("Ready")
    pods = {pod["metadata"]["uid"] for pod in consenting.list("pods")}
    consenting.edit(model=ON_THE_NODE)
    until_refused(consenting)
    assert consenting.condition("Available")["status"] == "True"
    assert {pod["metadata"]["uid"] for pod in consenting.list("pods")} == pods
    consenting.edit(model={"cache": None})
    consenting.await_condition("Ready")
    assert {pod["metadata"]["uid"] for pod in consenting.list("pods")} == pods
