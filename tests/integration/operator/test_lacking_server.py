"""What a legal object asks for and the cluster does not have is said in the cluster's own words."""

from dataclasses import dataclass

import pytest

from tests.builders import Raw
from tests.faults import oracles
from tests.integration.operator.conftest import Nodes, Start, on_rare
from tests.integration.operator.fleet import KINDS, Fleet
from tests.integration.operator.operator_process import eventually
from tests.integration.operator.played_kubelet import crashed, end, play, waits

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


HUB = {"uri": "hf://org/name"}
NO_KEY = waits("CreateContainerConfigError", "couldn't find key HF_TOKEN in Secret team/hub")
NO_ENGINE = crashed("this image holds no vLLM that its python3 can find", code=64)
TOO_SPLIT = crashed("ValueError: Total number of attention heads (14) must be divisible by tensor parallel size (4).")


@dataclass(frozen=True)
class Wrong:
    """An edit that cannot be realised, the reason that is given, and what the new pod's kubelet tells."""

    edit: Raw
    reason: str
    told: Raw | None = None


WRONG = {
    "S14": Wrong({"engine": {"parallelism": {"tensor": 4}}}, "TensorParallelMismatch", TOO_SPLIT),
    "S18": Wrong({"accelerator": {"resourceName": "nvidia.com/gpuu"}}, "InsufficientGPU"),
    "S57": Wrong({"model": {"credentials": {"secretName": "hub"}}}, "SecretKeyMissing", NO_KEY),
    "S58 class": Wrong({"model": {"cache": NO_CLASS}}, "VolumeUnavailable"),
    "S58 claim": Wrong({"model": {"cache": NO_CLAIM}}, "VolumeUnavailable"),
    "S71": Wrong({"engine": {"image": "mine:1"}}, "BadEngineConfig", NO_ENGINE),
    "S82": Wrong({"pod": NO_PRIORITY}, "AdmissionDenied"),
}


def state(fleet: Fleet) -> oracles.State:
    """O4: all that a taken back edit has to leave as it was; that it failed, and was tried, stays on record.

    The server leaves a list out once its last item went, and keeps one that was empty from the start.
    """
    raw, kept = fleet.get(), ("lastFailure", "revisions")
    raw["status"] = {name: each for name, each in raw["status"].items() if name not in kept and each != []}
    return oracles.present_state([raw, *fleet.list(KINDS)])


@pytest.mark.proves("R09")
@pytest.mark.parametrize(
    "wrong", [pytest.param(each, id=name, marks=pytest.mark.proves(name[:3])) for name, each in WRONG.items()]
)
def test_a_serving_fleet_goes_on_and_the_good_spec_again_mends_it(
    start: Start, fleet: Fleet, nodes: Nodes, rare: str, wrong: Wrong
) -> None:
    start()
    nodes()
    good = {"model": HUB, **on_rare(rare)}
    fleet.create(replicas=1, **good)
    fleet.await_condition("Ready")
    pods, before = {pod["metadata"]["uid"] for pod in fleet.serving()}, state(fleet)
    nodes("dead", devices=4)
    fleet.edit(**wrong.edit)
    if wrong.told:
        play(fleet, wrong.told, besides=pods)
    eventually(lambda: fleet.condition("Ready"), lambda found: found.get("reason") == wrong.reason)
    assert fleet.condition("Available")["status"] == "True"
    assert fleet.ready_pods() == 1
    fleet.kubectl("replace", "-f", "-", document=fleet.manifest(replicas=1, **good))
    end(fleet, besides=pods)
    fleet.await_condition("Ready")
    eventually(fleet.sizes, lambda sizes: len(sizes) == 1)
    assert {pod["metadata"]["uid"] for pod in fleet.serving()} == pods
    assert oracles.differences(before, state(fleet)) == []


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
