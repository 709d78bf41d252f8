"""Condition types, the closed list of reasons, and the one function that merges conditions."""

from collections.abc import Iterable
from enum import StrEnum

from llmfleet.api.status import Condition, ConditionStatus


class ConditionType(StrEnum):
    """The conditions of an LLMDeployment; True is good except for the last two."""

    READY = "Ready"
    AVAILABLE = "Available"
    SCALING_ACTIVE = "ScalingActive"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class Reason(StrEnum):
    """Why a condition is what it is. ``MEANINGS`` says each in a sentence with the next step."""

    PENDING = "Pending"
    ALL_REPLICAS_READY = "AllReplicasReady"
    SCALED_TO_ZERO = "ScaledToZero"
    SERVING = "Serving"
    NO_READY_REPLICAS = "NoReadyReplicas"
    STARTING = "Starting"
    ROLLING_OUT = "RollingOut"
    SCALING = "Scaling"
    SETTLED = "Settled"
    PAUSED = "Paused"
    DELETING = "Deleting"
    INSUFFICIENT_GPU = "InsufficientGPU"
    UNSCHEDULABLE = "Unschedulable"
    INVALID_SPEC = "InvalidSpec"
    NAME_TAKEN = "NameTaken"
    REVISION_MISSING = "RevisionMissing"
    REFUSED = "Refused"
    QUOTA_EXCEEDED = "QuotaExceeded"
    POD_SECURITY_VIOLATION = "PodSecurityViolation"
    POD_CREATION_FAILED = "PodCreationFailed"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    CONFIG_ERROR = "ConfigError"
    MODEL_NOT_FOUND = "ModelNotFound"
    OUT_OF_GPU_MEMORY = "OutOfGPUMemory"
    OUT_OF_HOST_MEMORY = "OutOfHostMemory"
    BAD_ENGINE_CONFIG = "BadEngineConfig"
    CRASH_LOOP = "CrashLoop"
    NO_FAILURE = "NoFailure"
    NOT_CONFIGURED = "NotConfigured"
    LOAD_OBSERVED = "LoadObserved"
    LOAD_UNAVAILABLE = "LoadUnavailable"
    REPLICAS_IGNORED = "ReplicasIgnored"


MEANINGS: dict[Reason, str] = {
    Reason.PENDING: "Not looked at yet; the operator is about to.",
    Reason.ALL_REPLICAS_READY: "Every wanted replica runs the current spec and answers.",
    Reason.SCALED_TO_ZERO: "Zero replicas are wanted and none runs; set replicas above zero to serve.",
    Reason.SERVING: "At least one replica answers requests.",
    Reason.NO_READY_REPLICAS: "No replica answers; see Stalled and problems for the cause.",
    Reason.STARTING: "Pods of the first revision are starting.",
    Reason.ROLLING_OUT: "A new revision replaces the old one, which keeps serving until each new pod is ready.",
    Reason.SCALING: "The number of replicas is changing.",
    Reason.SETTLED: "Nothing is left to do.",
    Reason.PAUSED: "spec.paused is true: the operator watches and touches nothing; set it to false to go on.",
    Reason.DELETING: "The object is being deleted; in-flight requests drain first.",
    Reason.INSUFFICIENT_GPU: "The scheduler finds no free GPU of the asked kind; free one, add a node, or ask for "
    "another product. What runs goes on running.",
    Reason.UNSCHEDULABLE: "The scheduler finds no fitting node; the message has its words.",
    Reason.INVALID_SPEC: "The stored spec breaks a rule of the schema; correct the named field. What runs stays.",
    Reason.NAME_TAKEN: "An object of a needed name exists and is not ours; rename one of the two.",
    Reason.REVISION_MISSING: "The frozen template of a running revision was deleted; its pods are left alone. "
    "Any change of the engine part makes a new revision.",
    Reason.REFUSED: "The API server refused a write; the message has its words.",
    Reason.QUOTA_EXCEEDED: "A resource quota of the namespace forbids more pods; raise it or ask for less.",
    Reason.POD_SECURITY_VIOLATION: "The namespace's pod security level forbids the pods; the message names the field.",
    Reason.POD_CREATION_FAILED: "Pods cannot be created; the message has the API server's words.",
    Reason.IMAGE_PULL_FAILED: "The image cannot be pulled; check engine.image and pod.imagePullSecrets.",
    Reason.CONFIG_ERROR: "A Secret, ConfigMap or claim that the pod names is missing or lacks a key; create it.",
    Reason.MODEL_NOT_FOUND: "The engine finds no model at model.uri; correct the path or the repository name.",
    Reason.OUT_OF_GPU_MEMORY: "The model does not fit; lower maxModelLen or maxConcurrency, or take a larger GPU.",
    Reason.OUT_OF_HOST_MEMORY: "The pod exceeded its memory limit; raise resources.limits.memory.",
    Reason.BAD_ENGINE_CONFIG: "The engine refuses its options; the message has its words.",
    Reason.CRASH_LOOP: "The engine keeps ending; the message has its last words.",
    Reason.NO_FAILURE: "Nothing stands in the way.",
    Reason.NOT_CONFIGURED: "spec.autoscaling is absent; the size is spec.replicas.",
    Reason.LOAD_OBSERVED: "The pods report their load and the size follows it.",
    Reason.LOAD_UNAVAILABLE: "Not enough pods report their load; the size is held until they do.",
    Reason.REPLICAS_IGNORED: "spec.replicas is ignored while spec.autoscaling is set.",
}


def condition(
    type_: ConditionType, status: ConditionStatus, reason: Reason, message: str, generation: int
) -> Condition:
    """A condition without its transition time, which only ``merge`` knows."""
    return Condition(type=type_, status=status, reason=reason, message=message[:1024], observed_generation=generation)


def merge(old: Iterable[Condition], new: Iterable[Condition], now: str) -> tuple[Condition, ...]:
    """The new conditions, keeping the transition time of each whose status did not flip.

    ``now`` is RFC 3339. (Kubernetes API conventions, "Typical status properties".)
    """
    before = {each.type: each for each in old}

    def since(each: Condition) -> str:
        past = before.get(each.type)
        return past.last_transition_time if past and past.status == each.status else now

    return tuple(each.model_copy(update={"last_transition_time": since(each)}) for each in new)
