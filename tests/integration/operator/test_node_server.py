"""A node that stops reporting or is about to go: the status says so, and the pod is replaced where there is room."""

import json

import pytest

from tests.integration.operator.conftest import Nodes, Start, on_rare
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster
READY = json.dumps({"status": {"conditions": [{"type": "Ready", "status": "True"}]}})


@pytest.fixture
def placed(start: Start, fleet: Fleet, nodes: Nodes, rare: str) -> str:
    """The node of a fleet of one that finds a device nowhere else."""
    start()
    name = nodes()
    fleet.create(replicas=1, **on_rare(rare))
    fleet.await_condition("Ready")
    return name


@pytest.mark.proves("R64", "F29")
def test_a_pod_of_a_node_that_stops_reporting_is_not_ready_and_says_why(fleet: Fleet, placed: str) -> None:
    fleet.cluster.kubectl("label", "node", placed, "type=silent", "--overwrite")
    told = eventually(lambda: fleet.condition("Ready"), lambda found: found.get("reason") == "NodeLost")
    assert told["status"] == "False"
    assert fleet.condition("Available")["status"] == "False"
    fleet.cluster.kubectl("label", "node", placed, "type=kwok", "--overwrite")
    fleet.cluster.kubectl("wait", "node", placed, "--for=condition=Ready")
    (pod,) = fleet.list("pods")
    # What its kubelet would say again; kwok plays a pod's first start only.
    fleet.kubectl("patch", "pod", pod["metadata"]["name"], "--subresource=status", "-p", READY)
    fleet.await_condition("Ready")


@pytest.mark.proves("F28", "R43")
def test_a_fleet_waits_for_a_gpu_that_is_not_there_yet_and_for_one_that_vanished(
    start: Start, fleet: Fleet, nodes: Nodes, rare: str
) -> None:
    start()
    fleet.create(replicas=1, **on_rare(rare))
    lacking(fleet, rare)
    name = nodes()
    fleet.await_condition("Ready")
    devices(fleet, name, **{rare: "0"})
    (pod,) = fleet.list("pods")
    fleet.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=false")
    lacking(fleet, rare)
    devices(fleet, name, **{rare: "1"})
    fleet.await_condition("Ready")


def devices(fleet: Fleet, node: str, **given: str) -> None:
    """What the device plugin of a node would tell the kubelet, which would tell the server."""
    told = json.dumps({"status": {"capacity": given, "allocatable": given}})
    fleet.cluster.kubectl("patch", "node", node, "--subresource=status", "--type=merge", "-p", told)


def lacking(fleet: Fleet, device: str) -> None:
    """It is said within 30 seconds which device no node has free, and that it is waited for."""
    told = eventually(lambda: fleet.condition("Ready"), lambda found: found.get("reason") == "InsufficientGPU", 30)
    assert (told["status"], device in told["message"]) == ("False", True)
    assert [fleet.condition(each)["status"] for each in ("Stalled", "CapacityAvailable")] == ["False", "False"]


@pytest.mark.soak  # the garbage collector takes its time with pods of nodes that are no more
@pytest.mark.timeout(240)
@pytest.mark.proves("R64", "F29")
def test_a_pod_of_a_deleted_node_is_replaced_where_there_is_room(fleet: Fleet, placed: str, nodes: Nodes) -> None:
    other = nodes()
    fleet.cluster.kubectl("delete", "node", placed)
    moved_to(fleet, other)


@pytest.mark.proves("R64", "F30")
def test_a_pod_of_a_node_that_is_about_to_go_is_replaced_where_there_is_room(
    fleet: Fleet, placed: str, nodes: Nodes
) -> None:
    other = nodes()
    fleet.cluster.kubectl("taint", "node", placed, "example.com/spot=going:NoExecute")
    moved_to(fleet, other)


def moved_to(fleet: Fleet, node: str) -> None:
    eventually(lambda: {pod["spec"].get("nodeName") for pod in fleet.list("pods")}, lambda found: found == {node}, 120)
    fleet.await_condition("Ready")
