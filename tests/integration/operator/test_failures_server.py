"""Failures in the words of a real API server and scheduler: each gives its reason soon and heals by itself."""

import json
from dataclasses import dataclass

import pytest

from e2e.cluster import Cluster
from llmfleet.api.conditions import MEANINGS
from tests.builders import Raw
from tests.integration.operator.conftest import Nodes, Start, on_rare
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually
from tests.integration.operator.played_kubelet import RUNNING, crashed, engine, play, waits

pytestmark = pytest.mark.cluster

SOON_SECONDS = 30.0


@pytest.fixture(autouse=True)
def operator(start: Start) -> None:
    start()


def until(fleet: Fleet, reason: str) -> Raw:
    """Ready gives this reason in time; the whole object then."""
    eventually(lambda: fleet.condition("Ready"), lambda found: found.get("reason") == reason, SOON_SECONDS)
    return fleet.get()


def healed(fleet: Fleet) -> Raw:
    fleet.await_condition("Ready", seconds=90)
    return fleet.get()["status"]


QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "pods"},
    "spec": {"hard": {"count/pods": "0"}},
}
LIMITS = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "small"},
    "spec": {"limits": [{"type": "Container", "max": {"memory": "1Mi"}}]},
}


@pytest.mark.proves("R43", "R52")
@pytest.mark.parametrize(
    ("obstacle", "reason", "state"),
    [
        pytest.param(QUOTA, "QuotaExceeded", "Reconciling", id="quota"),
        pytest.param(LIMITS, "AdmissionDenied", "Reconciling", id="limit range"),
    ],
)
def test_pods_that_the_namespace_forbids_come_when_it_allows_them(
    fleet: Fleet, obstacle: Raw, reason: str, state
) -> None:
    fleet.kubectl("create", "-f", "-", document=obstacle)
    fleet.create(replicas=1, resources={"limits": {"memory": "2Gi"}})
    until(fleet, reason)
    assert fleet.condition(state)["status"] == "True"
    fleet.kubectl("delete", obstacle["kind"], obstacle["metadata"]["name"])
    healed(fleet)


@pytest.mark.proves("R43", "R52")
def test_a_service_account_may_come_after_the_fleet(fleet: Fleet) -> None:
    fleet.create(replicas=1, pod={"serviceAccountName": "later"})
    until(fleet, "AdmissionDenied")
    assert fleet.condition("Stalled")["status"] == "False"
    fleet.kubectl("create", "serviceaccount", "later")
    healed(fleet)


@pytest.mark.proves("R43", "R52")
def test_a_claim_may_come_after_the_fleet(fleet: Fleet) -> None:
    fleet.create(replicas=1, model={"uri": "pvc://models/tiny"})
    raw = until(fleet, "VolumeUnavailable")
    assert 'persistentvolumeclaim "models" not found' in raw["status"]["lastFailure"]["message"]
    with fleet.claimed("models"):
        assert healed(fleet)["lastFailure"]["reason"] == "VolumeUnavailable"


PLAYED = [
    (waits("ErrImagePull", "no such tag"), "ImagePullFailed"),
    (waits("CreateContainerConfigError", 'secret "hf-token" not found'), "SecretNotFound"),
    (waits("CreateContainerConfigError", "couldn't find key a in Secret b/c"), "SecretKeyMissing"),
    (waits("CreateContainerConfigError", 'configmap "templates" not found'), "ConfigMapNotFound"),
    (
        crashed("ValueError: Total number of attention heads (14) must be divisible by tensor parallel size (4)."),
        "TensorParallelMismatch",
    ),
    (crashed("torch.OutOfMemoryError: CUDA out of memory."), "OutOfGPUMemory"),
    (crashed("", reason="OOMKilled", code=137), "OutOfHostMemory"),
    (crashed("OSError: [Errno 28] No space left on device"), "DiskFull"),
    (crashed("Cannot access gated repo for url https://hub/x."), "ModelAccessDenied"),
    (crashed("KeyError: 'x'"), "CrashLoop"),
]


@pytest.mark.proves("R43", "F32", "F33", "F34")
def test_what_the_kubelet_tells_becomes_a_reason_and_goes_when_it_is_over(cluster: Cluster, fleet: Fleet) -> None:
    fleet.create(replicas=1)
    fleet.await_condition("Ready")
    for container, reason in PLAYED:
        play(fleet, container)
        status = until(fleet, reason)["status"]
        assert status["lastFailure"]["reason"] == reason
        assert [each["reason"] for each in status["problems"]] == [reason]
        assert reason in MEANINGS
    play(fleet, RUNNING)
    assert healed(fleet)["lastFailure"]["reason"] == PLAYED[-1][1]


@pytest.mark.proves("F42", "R43", "R52")
def test_a_secret_may_come_after_the_fleet(fleet: Fleet, nodes: Nodes, rare: str) -> None:
    nodes("dead")
    fleet.create(replicas=1, model={"uri": "hf://org/name", "credentials": {"secretName": "hub"}}, **on_rare(rare))
    play(fleet, waits("CreateContainerConfigError", 'secret "hub" not found'))
    until(fleet, "SecretNotFound")
    assert "Create the Secret hub" in fleet.condition("Ready")["message"]
    fleet.kubectl("create", "secret", "generic", "hub", "--from-literal=HF_TOKEN=one")
    play(fleet, RUNNING)
    healed(fleet)


@pytest.mark.proves("R43")
def test_a_crash_that_repeats_stalls_and_says_what_to_do(fleet: Fleet) -> None:
    fleet.create(replicas=1)
    fleet.await_condition("Ready")
    play(fleet, crashed("ValueError: the estimated maximum model length is 30720. larger than the available KV cache"))
    stalled = fleet.await_condition("Stalled", seconds=SOON_SECONDS)
    assert "Set engine.maxModelLen to 30720 or less." in stalled["message"]


def test_an_evicted_pod_is_replaced_and_its_leaving_is_on_record_without_numbers(fleet: Fleet) -> None:
    fleet.create(replicas=1)
    fleet.await_condition("Ready")
    [pod] = [each["metadata"]["name"] for each in fleet.list("pods")]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": fleet.namespace}}
    path = f"/api/v1/namespaces/{fleet.namespace}/pods/{pod}/eviction"
    fleet.kubectl("create", "--raw", path, "-f", "-", document=eviction)
    [entry] = eventually(lambda: fleet.get()["status"].get("drains", []), len, SOON_SECONDS)
    assert (entry["pod"], entry.keys() & {"inFlight", "finished", "aborted", "seconds"}) == (pod, set())
    healed(fleet)


def test_a_farewell_is_read_from_the_last_state_of_a_pod_that_is_gone(fleet: Fleet) -> None:
    fleet.create(replicas=1)
    fleet.await_condition("Ready")
    told = {"exitCode": 0, "reason": "Stopped", "inFlightAtStart": 5, "finished": 3, "aborted": 2, "seconds": 120.0}
    ended = {"exitCode": 0, "reason": "Completed", "message": json.dumps(told), "finishedAt": "2026-11-21T12:00:00Z"}
    play(fleet, engine(state={"terminated": ended}))
    [pod] = [each["metadata"]["name"] for each in fleet.list("pods")]
    fleet.kubectl("delete", "pod", pod, "--wait=false")
    [entry] = eventually(lambda: fleet.get()["status"].get("drains", []), len, SOON_SECONDS)
    assert entry == {
        "pod": pod, "time": "2026-11-21T12:00:00Z", "inFlight": 5, "finished": 3, "aborted": 2, "seconds": 120
    }  # fmt: skip
    selector = "reason=RequestsAborted"
    events = eventually(lambda: fleet.kubectl("get", "events", "--field-selector", selector, "-o", "name").split(), len)
    assert len(events) == 1


NO_CLAIM = {"type": "PersistentVolumeClaim", "persistentVolumeClaim": {"claimName": "missing"}}
TOO_OLD = {"accelerator": {"products": ["Tesla-V100-SXM2-32GB"]}, "quantization": {"method": "FP8"}}
TOO_LONG = "ValueError: the estimated maximum model length is 30720. larger than the available KV cache"
TOO_SPLIT = "ValueError: Total number of attention heads (14) must be divisible by tensor parallel size (4)."


@dataclass(frozen=True)
class Broken:
    """What is wrong, the words of ``kubectl describe`` that say the way out, and that way."""

    spec: Raw
    words: str
    way: Raw | tuple[str, ...]
    """An edit of the spec, or arguments of kubectl."""
    told: Raw | None = None
    """What the pod's kubelet tells."""


BROKEN = (
    Broken({"pod": {"priorityClassName": "missing"}}, "no PriorityClass with name missing was found", {"pod": None}),
    Broken({"model": {"cache": NO_CLAIM}}, 'claim "missing" not found', {"model": {"cache": None}}),
    Broken({"accelerator": {"resourceName": "nvidia.com/gpuu"}}, "Insufficient nvidia.com/gpuu", {"accelerator": None}),
    Broken({"pod": {"nodeSelector": {"a": "b"}}}, "didn't match Pod's node affinity/selector", {"pod": None}),
    Broken(
        {"pod": {"serviceAccountName": "late"}}, 'serviceaccount "late" not found', ("create", "serviceaccount", "late")
    ),
    Broken(TOO_OLD, "CompressedTensors or BitsAndBytes would work", {"quantization": None, "accelerator": None}),
    Broken(
        {},
        "Create the Secret hub",
        ("create", "secret", "generic", "hub"),
        waits("CreateContainerConfigError", 'secret "hub" not found'),
    ),
    Broken({}, "Set engine.maxModelLen to 30720 or less.", {"engine": {"maxModelLen": 30720}}, crashed(TOO_LONG)),
    Broken({}, "over 1, 2, 7, 14 GPUs", {"engine": {"parallelism": {"tensor": 2}}}, crashed(TOO_SPLIT)),
    Broken({"paused": True}, "set it to false to go on", {"paused": False}),
)


@pytest.mark.proves("R44")
def test_ten_broken_objects_are_mended_by_what_describe_says(fleet: Fleet) -> None:
    fleets = [(Fleet(fleet.cluster, fleet.namespace, f"broken-{n}"), each) for n, each in enumerate(BROKEN)]
    for made, broken in fleets:
        made.create(replicas=1, **broken.spec)
        if broken.told:
            eventually(made.ready_pods, lambda ready: ready == 1)
            play(made, broken.told)
    for made, broken in fleets:
        eventually(lambda made=made: described(made), lambda text, words=broken.words: words in text, SOON_SECONDS)
        if isinstance(broken.way, dict):
            made.edit(**broken.way)
        else:
            made.kubectl(*broken.way)
            if broken.told:
                play(made, RUNNING)
    for made, _ in fleets:
        healed(made)


def described(fleet: Fleet) -> str:
    return " ".join(fleet.kubectl("describe", "llm", fleet.name).split())
