"""The CRD is deleted, as an uninstall to the last bit does, or comes late.

Not beside other tests: the CRD is there once for all.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from e2e.cluster import Cluster, ClusterError, Profile
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


@pytest.fixture(autouse=True)
def collector(fleet: Fleet) -> None:
    """The garbage collector looks for kinds every 30 seconds; until it knows ours, nothing of it is collected."""
    eventually(lambda: _collected(fleet), bool)


def _collected(fleet: Fleet) -> bool:
    """Whether a child goes within some seconds after its owner."""
    owner = fleet.manifest() | {"metadata": {"name": "owner"}}
    fleet.kubectl("create", "-f", "-", document=owner)
    uid = fleet.kubectl("get", "llm", "owner", "-o", "jsonpath={.metadata.uid}")
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": "owner", "uid": uid}
    child = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "child", "ownerReferences": [reference]}}
    fleet.kubectl("create", "-f", "-", document=child)
    fleet.kubectl("delete", "llm", "owner")
    with suppress(ClusterError):
        fleet.kubectl("wait", "--for=delete", "configmap/child", "--timeout=3s")
        return True
    fleet.kubectl("delete", "configmap", "child")
    return False


@pytest.mark.proves("R16")
def test_the_crd_goes_with_its_fleets_comes_back_to_an_operator_that_serves_and_nothing_blocks_the_end(
    start: Start, fleet: Fleet
) -> None:
    operator = start()
    fleet.create()
    fleet.await_condition("Ready")
    fleet.cluster.kubectl("delete", "crd", CRD, "--timeout=60s")
    eventually(lambda: fleet.list(f"{KINDS},pods"), lambda found: found == [])
    with_crd(Profile.CONTROL)
    fleet.create(replicas=1)
    fleet.await_condition("Ready", seconds=120)
    assert operator.process.poll() is None
    operator.terminate()
    fleet.cluster.kubectl("delete", "namespace", fleet.namespace, "--timeout=60s")


@pytest.mark.proves("R52")
def test_the_crd_may_come_after_the_operator_and_the_object_be_applied_again(start: Start, fleet: Fleet) -> None:
    fleet.cluster.kubectl("delete", "crd", CRD, "--timeout=60s")
    operator = start()
    with pytest.raises(ClusterError, match=r"(?i)llmdeployment"):
        fleet.create(replicas=1)
    with_crd(Profile.CONTROL)
    fleet.create(replicas=1)
    fleet.await_condition("Ready", seconds=120)
    assert operator.process.poll() is None
