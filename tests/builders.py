"""Raw objects as the API server gives them, made by modifiers: ``pod("a1", ready(), annotated(x="1"))``."""

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from llmfleet import names
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.api.workload import AcceleratorType
from llmfleet.core import manifests
from llmfleet.core.capacity import Capacity, Node
from llmfleet.core.fleet import live_document
from llmfleet.core.revision import revision_of
from llmfleet.core.template import Defaults, freeze
from llmfleet.core.world import Observed, Report, observe
from llmfleet_runtime.contract import Adapter, AdapterReason, AdapterState, AdapterStatus, Phase, RuntimeStatus

Raw = dict[str, Any]
Modifier = Callable[[Raw], None]

UID = "11111111-aaaa-4bbb-8ccc-000000000001"
NOW = "2026-11-21T12:00:00Z"
LATER = "2026-11-21T13:00:00Z"
SHARED = {"type": "PersistentVolumeClaim", "persistentVolumeClaim": {"claimName": "models"}}
"""A cache on a claim that pods share."""
DEFAULTS = Defaults({AcceleratorType.NVIDIA: "cuda:1", AcceleratorType.AMD: "rocm:1", AcceleratorType.CPU: "cpu:1"})


def deployment(*modifiers: Modifier) -> Raw:
    """The shortest useful LLMDeployment."""
    metadata = {"name": "qwen", "namespace": "team-a", "uid": UID, "generation": 1, "resourceVersion": "1"}
    spec = {"model": {"uri": "hf://Qwen/Qwen3-8B"}}
    return _modified(
        {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": metadata, "spec": spec}, modifiers
    )


def _modified(raw: Raw, modifiers: Iterable[Modifier]) -> Raw:
    for modify in modifiers:
        modify(raw)
    return raw


def merged(old: Any, new: Any) -> Any:
    """``new`` over ``old``, member by member; None takes a member away."""
    if not isinstance(new, Mapping):
        return copy.deepcopy(new)
    old = old if isinstance(old, Mapping) else {}
    both = {key: merged(old.get(key), new[key]) if key in new else old[key] for key in (*old, *new)}
    return {key: value for key, value in both.items() if value is not None}


def with_spec(**members: Any) -> Modifier:
    """Members of the spec, merged deeply."""

    def modify(raw: Raw) -> None:
        raw["spec"] = merged(raw["spec"], members)

    return modify


def with_metadata(**members: Any) -> Modifier:
    """Members of the metadata, merged deeply."""

    def modify(raw: Raw) -> None:
        raw["metadata"] = merged(raw["metadata"], members)

    return modify


def with_status(**members: Any) -> Modifier:
    """Members of the status, merged deeply."""

    def modify(raw: Raw) -> None:
        raw["status"] = merged(raw.get("status", {}), members)

    return modify


def with_autoscaling(least: int, most: int, queue_depth: int = 4) -> Modifier:
    """Size by load."""
    return with_spec(autoscaling={"minReplicas": least, "maxReplicas": most, "targets": {"queueDepth": queue_depth}})


def with_decision(desired: int, *, load_seen: bool = True) -> Modifier:
    """What the autoscaler has recorded."""
    return with_status(
        autoscaling={"desired": desired, "reason": "QueueDepth", "message": "", "since": NOW, "loadSeen": load_seen}
    )


def being_deleted() -> Modifier:
    """Deleted by somebody, not gone yet."""
    return with_metadata(deletionTimestamp=NOW)


def parsed(raw: Raw) -> LLMDeployment:
    """The object as our model."""
    return LLMDeployment.parse(raw)


def revision(raw: Raw) -> str:
    """The revision of the object's present spec."""
    return revision_of(parsed(raw))


def child(manifest: Mapping[str, Any], *modifiers: Modifier) -> Raw:
    """A manifest of ours as the API server would give it back."""
    raw = copy.deepcopy(dict(manifest))
    ref = f"{raw['kind']}/{raw['metadata']['name']}"
    raw["metadata"] |= {"uid": f"uid-of-{ref}", "resourceVersion": "7", "generation": 1}
    return _modified(raw, modifiers)


def record(raw: Raw, number: int = 1) -> Raw:
    """The ControllerRevision of the object's present spec."""
    ours = parsed(raw)
    name = revision_of(ours)
    return child(manifests.controller_revision(ours, name, number, freeze(ours, name, DEFAULTS)))


def fleet(raw: Raw, size: int) -> Raw:
    """The Deployment of the object's present spec."""
    ours = parsed(raw)
    name = revision_of(ours)
    return child(manifests.fleet(ours, name, freeze(ours, name, DEFAULTS), size))


def children(raw: Raw, size: int = 1, number: int = 1, live_number: int = 1) -> list[Raw]:
    """All children of a settled fleet of the present spec."""
    ours = parsed(raw)
    name = revision_of(ours)
    live = live_document(ours).model_copy(update={"number": live_number})
    made = [
        record(raw, number),
        child(manifests.engine_config_map(ours, name, freeze(ours, name, DEFAULTS))),
        child(manifests.live_config(ours, live)),
        child(manifests.service(ours)),
        fleet(raw, size),
    ]
    return made + ([child(manifests.budget(ours, size - 1))] if size > 1 else [])


def pod(of: str, *modifiers: Modifier, name: str = "") -> Raw:
    """A pod of one revision, just made."""
    name = name or f"qwen-{of}-0"
    labels = names.pod_labels("qwen", UID, of)
    metadata = {"name": name, "namespace": "team-a", "uid": f"uid-{name}", "resourceVersion": "1", "labels": labels}
    raw = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}, "status": {"phase": "Pending"}}
    return _modified(raw, modifiers)


def _with_container(**members: Any) -> Modifier:
    def modify(raw: Raw) -> None:
        status = {"name": names.ENGINE_CONTAINER, "ready": False, "started": False, "restartCount": 0, "imageID": ""}
        old = (raw["status"].get("containerStatuses") or [status])[0]
        raw["status"]["containerStatuses"] = [merged(old, members)]

    return modify


def _with_condition(kind: str, status: str, message: str = "") -> Modifier:
    def modify(raw: Raw) -> None:
        kept = [each for each in raw["status"].get("conditions", []) if each["type"] != kind]
        raw["status"]["conditions"] = [*kept, {"type": kind, "status": status, "message": message}]

    return modify


def together(*modifiers: Modifier) -> Modifier:
    """Several modifiers as one."""

    def modify(raw: Raw) -> None:
        _modified(raw, modifiers)

    return modify


def starting() -> Modifier:
    """Its container runs and has not passed its start-up probe."""
    running = {"startedAt": NOW}
    return together(
        with_status(phase="Running", podIP="10.0.0.1"),
        _with_container(state={"running": running, "waiting": None, "terminated": None}),
    )


def ready() -> Modifier:
    """It answers."""
    serving = _with_container(ready=True, started=True, imageID="registry.example/cuda@sha256:1", restartCount=0)
    return together(starting(), serving, _with_condition("Ready", "True"))


def unready() -> Modifier:
    """It has answered and does not at the moment."""
    return together(ready(), _with_container(ready=False), _with_condition("Ready", "False"))


def waiting(reason: str, message: str = "") -> Modifier:
    """The kubelet cannot start its container."""
    return _with_container(state={"waiting": {"reason": reason, "message": message}})


def crashed(message: str = "", exit_code: int = 70, restarts: int = 1, reason: str = "Error") -> Modifier:
    """Its container has ended and is about to start again."""
    ended = {"exitCode": exit_code, "reason": reason, "message": message}
    back_off = {"waiting": {"reason": "CrashLoopBackOff"}, "running": None}
    return _with_container(
        state=back_off, lastState={"terminated": ended}, restartCount=restarts, ready=False, started=False
    )


def left(at: str = NOW, **farewell: Any) -> Modifier:
    """It was ready, was deleted and has ended; members of its farewell, none when it said none."""
    told = json.dumps({"exitCode": 0, "reason": "Stopped", **farewell}) if farewell else ""
    ended = {"terminated": {"exitCode": 0, "reason": "Completed", "message": told, "finishedAt": at}, "running": None}
    flipped = {"type": "Ready", "status": "False", "lastTransitionTime": NOW}
    over = with_status(phase="Succeeded", startTime="2026-11-21T11:00:00Z", conditions=[flipped])
    return together(ready(), being_deleted(), _with_container(state=ended, ready=False, started=False), over)


def unschedulable(message: str) -> Modifier:
    """The scheduler finds no node."""
    return _with_condition("PodScheduled", "False", message)


def scheduled() -> Modifier:
    """The scheduler has found a node."""
    return _with_condition("PodScheduled", "True")


def annotated(annotations: Mapping[str, str]) -> Modifier:
    """Annotations of any object."""
    return with_metadata(annotations=dict(annotations))


def report(live_number: int = 1, in_flight: int | None = 0, idle_seconds: float | None = None, **facts: Any) -> Report:
    """What a ready pod says of itself."""
    status = RuntimeStatus(phase=Phase.READY, since=0.0, live_number=live_number, **facts)
    return Report(status, in_flight, idle_seconds)


def adapter_status(adapter: Adapter, *, is_broken: bool = False) -> AdapterStatus:
    """What a pod says of an adapter that it serves, or cannot serve."""
    if is_broken:
        told = {"reason": AdapterReason.RANK_TOO_HIGH, "message": "its rank 64 exceeds lora.maxRank 16"}
        return AdapterStatus(name=adapter.name, key=adapter.key, state=AdapterState.FAILED, **told)
    return AdapterStatus(name=adapter.name, key=adapter.key, state=AdapterState.LOADED, serving=adapter.key)


def gpus_free(count: int, **labels: str) -> Capacity:
    """One node with so many free GPUs and plenty of everything else."""
    free = {"nvidia.com/gpu": Decimal(count), "cpu": Decimal(64), "memory": Decimal(2**40), "pods": Decimal(110)}
    return Capacity((Node("node", labels, (), free),))


def look(
    raw: Raw, made: Iterable[Raw] = (), pods: Iterable[Raw] = (), reports: Mapping[str, Report] | None = None
) -> Observed:
    """One look at these objects."""
    return observe(raw, made, pods, reports)


def settled(raw: Raw, size: int = 1) -> Observed:
    """A fleet that is as its spec says."""
    of = revision(raw)
    pods = [pod(of, ready(), name=f"qwen-{of}-{index}") for index in range(size)]
    return look(raw, children(raw, size), pods, {each["metadata"]["uid"]: report() for each in pods})
