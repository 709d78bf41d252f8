"""Node drains, as ``kubectl drain`` does them: by the eviction API, which asks the disruption budget."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e.cluster import ClusterError
from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.cluster
SIZE = 3


@pytest.fixture(autouse=True)
def operator(start: Start) -> None:
    start()


def is_evicted(fleet: Fleet, pod: str) -> bool:
    """Ask once; False when the budget says no."""
    metadata = {"name": pod, "namespace": fleet.namespace}
    document = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
    try:
        fleet.kubectl("create", "--raw", f"/api/v1/namespaces/{fleet.namespace}/pods/{pod}/eviction", "-f", "-",
                      document=document)  # fmt: skip
    except ClusterError as error:
        if "disruption budget" not in str(error):
            raise
        return False
    return True


def staying(fleet: Fleet) -> list[str]:
    return [pod["metadata"]["name"] for pod in fleet.list("pods") if "deletionTimestamp" not in pod["metadata"]]


@contextmanager
def no_new_pods(fleet: Fleet) -> Iterator[None]:
    """As while all nodes are cordoned, but of this fleet alone."""
    fleet.kubectl("create", "quota", "none", "--hard=count/pods=0")
    enforced = ("get", "quota", "none", "-o", "jsonpath={.status.hard}")
    eventually(lambda: fleet.kubectl(*enforced), lambda hard: "0" in hard)
    yield
    fleet.kubectl("delete", "quota", "none")


@pytest.mark.proves("F31", "R63")
def test_drains_of_all_nodes_at_once_take_one_replica_at_a_time(fleet: Fleet) -> None:
    """Harder than one by one: every eviction is asked for again as soon as it was refused."""
    fleet.create(replicas=SIZE)
    fleet.await_condition("Ready")
    fleet.kubectl("get", "poddisruptionbudget", "qwen")
    with no_new_pods(fleet):
        left = [pod for pod in staying(fleet) if not is_evicted(fleet, pod)]
        assert len(left) == SIZE - 1
    end = time.monotonic() + PATIENCE_SECONDS
    while left:
        assert time.monotonic() < end, left
        left = [pod for pod in left if not is_evicted(fleet, pod)]
        assert fleet.ready_pods() >= SIZE - 1
    fleet.await_condition("Ready")


@pytest.mark.proves("R63")
def test_pods_that_crash_block_no_drain(fleet: Fleet) -> None:
    """Although with all of them down the budget has nothing to spare."""
    fleet.create(replicas=SIZE)
    fleet.await_condition("Ready")
    down = {"conditions": [{"type": kind, "status": "False"} for kind in ("Ready", "ContainersReady")]}
    pods = staying(fleet)
    for pod in pods:
        fleet.kubectl(
            "patch", "pod", pod, "--subresource=status", "--type=strategic", "-p", json.dumps({"status": down})
        )
    budget = ("get", "poddisruptionbudget", "qwen", "-o", "jsonpath={.status.currentHealthy}")
    eventually(lambda: fleet.kubectl(*budget), lambda healthy: healthy == "0")
    assert [is_evicted(fleet, pod) for pod in pods] == [True] * SIZE
    fleet.await_condition("Ready")
