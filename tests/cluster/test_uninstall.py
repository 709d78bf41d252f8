"""The CRD is deleted, as an uninstall to the last bit does. Not beside other tests: the CRD is there once for all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import Cluster, Profile
from llmfleet import names
from tests.clusters import with_crd
from tests.integration.operator.conftest import Start, fresh_namespace, grant, starter
from tests.integration.operator.fleet import KINDS, Fleet
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster
CRD = f"{names.PLURAL}.{names.GROUP}"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """The CRD is there again for whoever comes next."""
    yield with_crd(Profile.CONTROL)
    with_crd(Profile.CONTROL)


@pytest.fixture
def fleet(cluster: Cluster) -> Iterator[Fleet]:
    with fresh_namespace(cluster) as namespace:
        grant(cluster, namespace)
        yield Fleet(cluster, namespace)


@pytest.fixture
def start(fleet: Fleet, tmp_path: Path) -> Iterator[Start]:
    with starter(fleet.cluster, fleet.namespace, tmp_path) as begin:
        yield begin


def delete_crd(fleet: Fleet) -> None:
    """With it go its objects, and with them their children."""
    fleet.cluster.kubectl("delete", "crd", CRD, "--timeout=60s")
    eventually(lambda: fleet.list(f"{KINDS},pods"), lambda found: found == [])


@pytest.mark.proves("R16")
def test_without_the_operator_the_crd_goes_with_all_its_fleets_and_then_the_namespace(
    start: Start, fleet: Fleet
) -> None:
    operator = start()
    fleet.create()
    fleet.await_condition("Ready")
    operator.terminate()
    delete_crd(fleet)
    fleet.cluster.kubectl("delete", "namespace", fleet.namespace, "--timeout=60s")


@pytest.mark.proves("R16")
def test_an_operator_that_runs_keeps_nothing_back_and_serves_again_once_the_crd_is_back(
    start: Start, fleet: Fleet
) -> None:
    operator = start()
    fleet.create()
    fleet.await_condition("Ready")
    delete_crd(fleet)
    with_crd(Profile.CONTROL)
    fleet.create(replicas=1)
    fleet.await_condition("Ready", seconds=120)
    assert operator.process.poll() is None
