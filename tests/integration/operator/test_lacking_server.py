"""What a legal object asks for and the cluster does not have is said in the cluster's own words."""

import pytest

from tests.builders import Raw
from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster
NO_PRIORITY = {"priorityClassName": "missing"}
NO_CLASS = {"type": "Ephemeral", "ephemeral": {"storageClassName": "missing", "size": "1Gi"}}
NO_CLAIM = {"type": "PersistentVolumeClaim", "persistentVolumeClaim": {"claimName": "missing"}}


@pytest.mark.parametrize(
    ("spec", "reason", "words"),
    [
        pytest.param(
            {"pod": NO_PRIORITY},
            "AdmissionDenied",
            "no PriorityClass with name missing was found",
            id="priority class",
            marks=pytest.mark.proves("S82"),
        ),
        pytest.param(
            {"model": {"cache": NO_CLASS}},
            "VolumeUnavailable",
            "Correct the storage class",
            id="storage class",
            marks=pytest.mark.proves("S58"),
        ),
        pytest.param(
            {"model": {"cache": NO_CLAIM}},
            "VolumeUnavailable",
            'persistentvolumeclaim "missing" not found',
            id="claim",
            marks=pytest.mark.proves("S58"),
        ),
        pytest.param(
            {"accelerator": {"resourceName": "nvidia.com/gpuu"}},
            "InsufficientGPU",
            "nvidia.com/gpuu, add a node that has one, or ask for another product. Where no node advertises it",
            id="device",
            marks=pytest.mark.proves("S18"),
        ),
    ],
)
def test_what_the_cluster_lacks_is_said(start: Start, fleet: Fleet, spec: Raw, reason: str, words: str) -> None:
    start()
    fleet.create(replicas=1, **spec)
    told = eventually(lambda: fleet.condition("Ready"), lambda found: found.get("reason") == reason)
    assert told["status"] == "False"
    assert words in told["message"]


@pytest.mark.proves("R09", "S82")
def test_a_serving_fleet_goes_on_and_the_good_spec_again_mends_it(start: Start, fleet: Fleet) -> None:
    start()
    fleet.create(replicas=1)
    fleet.await_condition("Ready")
    pods = {pod["metadata"]["uid"] for pod in fleet.list("pods")}
    fleet.edit(pod=NO_PRIORITY)
    eventually(lambda: fleet.condition("Ready"), lambda found: found.get("reason") == "AdmissionDenied")
    assert {pod["metadata"]["uid"] for pod in fleet.list("pods")} == pods
    fleet.edit(pod=None)
    fleet.await_condition("Ready")
    assert {pod["metadata"]["uid"] for pod in fleet.list("pods")} == pods


@pytest.mark.proves("R09", "S21")
def test_what_no_gpu_of_that_kind_can_do_touches_no_pod(start: Start, fleet: Fleet) -> None:
    start()
    fleet.create(replicas=1)
    fleet.await_condition("Ready")
    pods = {pod["metadata"]["uid"] for pod in fleet.list("pods")}
    children = {raw["metadata"]["name"]: raw["metadata"]["resourceVersion"] for raw in fleet.list("configmaps")}
    fleet.edit(accelerator={"products": ["Tesla-V100-SXM2-32GB"]}, quantization={"method": "FP8"})
    stalled = fleet.await_condition("Stalled")
    assert stalled["reason"] == "QuantizationUnsupported"
    assert "CompressedTensors or BitsAndBytes would work" in stalled["message"]
    assert fleet.condition("Available")["status"] == "True"
    assert {raw["metadata"]["name"]: raw["metadata"]["resourceVersion"] for raw in fleet.list("configmaps")} == children
    fleet.edit(accelerator=None, quantization=None)
    fleet.await_condition("Ready")
    assert {pod["metadata"]["uid"] for pod in fleet.list("pods")} == pods
