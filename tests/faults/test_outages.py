"""The API server and its store die and come back under a running operator, on a control plane of the test's own."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import oracles
from tests.faults.plane import Plane, plane
from tests.integration.operator.conftest import grant
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import OperatorProcess, eventually, kubeconfig_of

pytestmark = pytest.mark.cluster
PATIENT_LEASE = {"LEASE_DURATION_SECONDS": "120"}
"""Outlasts the outages here: what a leader does that loses it, other tests show."""
RECONNECT_SECONDS = 30
RECOVERY_SECONDS = 60
STORELESS_SECONDS = 20


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with plane(tmp_path_factory.mktemp("plane") / "own") as made:
        yield made


@pytest.fixture
def fleet(own: Plane, request: pytest.FixtureRequest) -> Fleet:
    namespace = request.node.name.replace("_", "-")[:40].strip("-")
    own.cluster.kubectl("create", "namespace", namespace)
    return Fleet(own.cluster, namespace)


@pytest.fixture
def operator(own: Plane, fleet: Fleet, tmp_path: Path) -> Iterator[OperatorProcess]:
    """With a fleet of two that is ready."""
    grant(own.cluster, fleet.namespace)
    token = fleet.kubectl("create", "token", "llmfleet").strip()
    kubeconfig = kubeconfig_of(own.cluster, token, tmp_path / "kubeconfig")
    made = OperatorProcess(kubeconfig, fleet.namespace, tmp_path, settings=PATIENT_LEASE)
    fleet.create(replicas=2)
    fleet.await_condition("Ready")
    yield made
    if made.process.poll() is None:
        made.kill()
    print(made.log.read_text(encoding="utf-8")[-20_000:])  # noqa: T201 because pytest shows it where a test fails


def identities(fleet: Fleet) -> dict[str, str]:
    """UID of every child and pod."""
    found = [*fleet.list("pods"), *fleet.list("deployments,services,configmaps,controllerrevisions")]
    return {f"{raw['kind']}/{raw['metadata']['name']}": raw["metadata"]["uid"] for raw in found}


def within(seconds: float, act: Callable[[], object]) -> None:
    began = time.monotonic()
    act()
    assert time.monotonic() - began < seconds


def failures(operator: OperatorProcess) -> float:
    page = operator.page("/metrics")[1].splitlines()
    return next(float(line.split()[1]) for line in page if line.startswith("llmfleet_api_failures_total"))


def goes_on(fleet: Fleet) -> None:
    """What a user changes is done, and what is taken away by hand is put back: each kind is watched again."""
    fleet.edit(replicas=3)
    fleet.kubectl("delete", "service", fleet.name)
    fleet.await_condition("Ready")
    eventually(fleet.sizes, lambda sizes: list(sizes.values()) == [3])
    eventually(lambda: fleet.list("services"), bool)


def lived_through(operator: OperatorProcess, fleet: Fleet, before: dict[str, str]) -> None:
    """The process is the same, shows no defect and is well; no pod, and nothing else, was made anew."""
    assert operator.process.poll() is None
    assert oracles.defects(operator.log.read_text(encoding="utf-8")) == []
    assert operator.page("/livez")[0] == 200
    after = identities(fleet)
    assert {name: uid for name, uid in after.items() if name in before} == before


@pytest.mark.proves("F8")
def test_an_api_server_that_restarts_is_found_again(own: Plane, operator: OperatorProcess, fleet: Fleet) -> None:
    before = identities(fleet)
    own.kill("kube-apiserver")
    own.start("kube-apiserver")
    own.await_ready()
    lived_through(operator, fleet, before)
    within(RECONNECT_SECONDS, lambda: goes_on(fleet))


@pytest.mark.proves("F9")
def test_a_store_that_stops_is_waited_for_and_its_errors_are_counted(
    own: Plane, operator: OperatorProcess, fleet: Fleet
) -> None:
    before, errors = identities(fleet), failures(operator)
    own.kill("etcd")
    time.sleep(STORELESS_SECONDS)
    assert operator.page("/livez")[0] == 200
    own.start("etcd")
    own.await_ready()
    lived_through(operator, fleet, before)
    assert failures(operator) > errors
    within(RECOVERY_SECONDS, lambda: goes_on(fleet))
