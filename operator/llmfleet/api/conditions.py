"""Condition types, the closed list of reasons, and the one function that merges conditions."""

from collections.abc import Iterable
from enum import StrEnum

from llmfleet.api.status import Condition, ConditionStatus


class ConditionType(StrEnum):
    """The conditions of an LLMDeployment; True is good except for the last two."""

    READY = "Ready"
    AVAILABLE = "Available"
    CAPACITY_AVAILABLE = "CapacityAvailable"
    SCALING_ACTIVE = "ScalingActive"
    ADAPTERS_READY = "AdaptersReady"
    ENGINE_VERIFIED = "EngineVerified"
    UPGRADE_AVAILABLE = "UpgradeAvailable"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class Reason(StrEnum):
    """Why a condition is what it is. ``MEANINGS`` says each in a sentence with the next step."""

    PENDING = "Pending"
    INSPECTING = "Inspecting"
    QUANTIZING = "Quantizing"
    QUANTIZATION_FAILED = "QuantizationFailed"
    QUANTIZE_IMAGE_MISSING = "QuantizeImageMissing"
    ALL_REPLICAS_READY = "AllReplicasReady"
    SCALED_TO_ZERO = "ScaledToZero"
    SERVING = "Serving"
    NO_READY_REPLICAS = "NoReadyReplicas"
    STARTING = "Starting"
    ROLLING_OUT = "RollingOut"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    WAITING_FOR_IDLE = "WaitingForIdle"
    AS_REQUESTED = "AsRequested"
    FREE_GPU = "FreeGPU"
    NO_FREE_GPU = "NoFreeGPU"
    FREE_CAPACITY_UNKNOWN = "FreeCapacityUnknown"
    SCALING = "Scaling"
    SETTLED = "Settled"
    PAUSED = "Paused"
    DELETING = "Deleting"
    ALL_PLACED = "AllPlaced"
    UPGRADE_AVAILABLE = "UpgradeAvailable"
    UP_TO_DATE = "UpToDate"
    INSUFFICIENT_GPU = "InsufficientGPU"
    UNSCHEDULABLE = "Unschedulable"
    INVALID_SPEC = "InvalidSpec"
    NAME_TAKEN = "NameTaken"
    REVISION_MISSING = "RevisionMissing"
    REFUSED = "Refused"
    QUOTA_EXCEEDED = "QuotaExceeded"
    POD_SECURITY_VIOLATION = "PodSecurityViolation"
    POD_CREATION_FAILED = "PodCreationFailed"
    ADMISSION_DENIED = "AdmissionDenied"
    ADMISSION_UNREACHABLE = "AdmissionUnreachable"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    CONFIG_ERROR = "ConfigError"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 because it names a reason, no secret
    SECRET_KEY_MISSING = "SecretKeyMissing"  # noqa: S105 because it names a reason, no secret
    INVALID_SECRET_VALUE = "InvalidSecretValue"  # noqa: S105 because it names a reason, no secret
    CONFIG_MAP_NOT_FOUND = "ConfigMapNotFound"
    CONFIG_MAP_KEY_MISSING = "ConfigMapKeyMissing"
    VOLUME_UNAVAILABLE = "VolumeUnavailable"
    POD_NOT_PREPARED = "PodNotPrepared"
    CONTAINER_NOT_STARTED = "ContainerNotStarted"
    PREEMPTED = "Preempted"
    EVICTED = "Evicted"
    NODE_LOST = "NodeLost"
    DOES_NOT_FIT = "DoesNotFit"
    MODEL_INVALID = "ModelInvalid"
    MODEL_NOT_FOUND = "ModelNotFound"
    MODEL_ACCESS_DENIED = "ModelAccessDenied"
    MODEL_DOWNLOAD_FAILED = "ModelDownloadFailed"
    UNSAFE_WEIGHTS = "UnsafeWeights"
    HOST_PATH_NOT_ALLOWED = "HostPathNotAllowed"
    UNSUPPORTED_MODEL = "UnsupportedModel"
    TENSOR_PARALLEL_MISMATCH = "TensorParallelMismatch"
    QUANTIZATION_UNSUPPORTED = "QuantizationUnsupported"
    QUANTIZATION_MISMATCH = "QuantizationMismatch"
    DISK_FULL = "DiskFull"
    OUT_OF_GPU_MEMORY = "OutOfGPUMemory"
    OUT_OF_HOST_MEMORY = "OutOfHostMemory"
    BAD_ENGINE_CONFIG = "BadEngineConfig"
    STARTUP_TIMED_OUT = "StartupTimedOut"
    ENGINE_STALLED = "EngineStalled"
    CRASH_LOOP = "CrashLoop"
    REQUESTS_ABORTED = "RequestsAborted"
    NO_FAILURE = "NoFailure"
    NOT_CONFIGURED = "NotConfigured"
    LOAD_OBSERVED = "LoadObserved"
    LOAD_UNAVAILABLE = "LoadUnavailable"
    METRICS_SOURCE_UNKNOWN = "MetricsSourceUnknown"
    METRICS_SOURCE_UNAVAILABLE = "MetricsSourceUnavailable"
    REPLICAS_IGNORED = "ReplicasIgnored"
    NO_ADAPTERS = "NoAdapters"
    ADAPTERS_LOADED = "AdaptersLoaded"
    ADAPTERS_LOADING = "AdaptersLoading"
    ADAPTERS_UNKNOWN = "AdaptersUnknown"
    ADAPTER_NOT_FOUND = "AdapterNotFound"
    ADAPTER_ACCESS_DENIED = "AdapterAccessDenied"
    ADAPTER_DOWNLOAD_FAILED = "AdapterDownloadFailed"
    ADAPTER_INVALID = "AdapterInvalid"
    ADAPTER_UNSUPPORTED = "AdapterUnsupported"
    ADAPTER_RANK_TOO_HIGH = "AdapterRankTooHigh"
    ADAPTER_BASE_MISMATCH = "AdapterBaseMismatch"
    ADAPTER_REFUSED = "AdapterRefused"
    FOREIGN_AUTOSCALER = "ForeignAutoscaler"
    OBSERVING = "Observing"
    ENGINE_VERIFIED = "EngineVerified"
    ENGINE_VERSION_UNKNOWN = "EngineVersionUnknown"
    METRIC_UNKNOWN = "MetricUnknown"
    INVALID_SCHEDULE = "InvalidSchedule"


MEANINGS: dict[Reason, str] = {
    Reason.PENDING: "Not looked at yet; the operator is about to.",
    Reason.INSPECTING: "The model's files are looked at before a pod of a new revision is made. What runs goes on "
    "running.",
    Reason.QUANTIZING: "A Job makes the checkpoint that quantization asks for, before a pod of a new revision is made; "
    "the message says how far it is. What runs goes on running.",
    Reason.QUANTIZATION_FAILED: "No checkpoint could be made of the model; the message says why. It is tried again "
    "by itself after ten minutes, and goes on where it was. What runs goes on running.",
    Reason.QUANTIZE_IMAGE_MISSING: "quantization.source Produced needs an image with llm-compressor; build "
    "runtime/quantize.Containerfile and give it to the operator's setting quantizeImage, or take another source.",
    Reason.ALL_REPLICAS_READY: "Every wanted replica runs the current spec and answers.",
    Reason.SCALED_TO_ZERO: "Zero replicas are wanted and none runs, so the Service refuses requests. Set replicas "
    "above zero to serve; an autoscaled fleet that sleeps is started by `llmfleet wake` or by a schedule.",
    Reason.SERVING: "At least one replica answers requests.",
    Reason.NO_READY_REPLICAS: "No replica answers; see Stalled and problems for the cause.",
    Reason.STARTING: "Pods of the first revision are starting.",
    Reason.ROLLING_OUT: "A new revision replaces the old one, which keeps serving until each new pod is ready.",
    Reason.ROLLING_BACK: "The new revision was given up; the last one that served comes back. See problems and "
    "status.lastFailure for the cause and correct the spec.",
    Reason.ROLLED_BACK: "The new revision made no progress and was given up; the last one that served does so again. "
    "Correct the spec, or set a new rollout.restartTime to try the same again.",
    Reason.PROGRESS_DEADLINE_EXCEEDED: "The revision made no progress within rollout.progressDeadlineSeconds; see "
    "problems for the cause and correct the spec. Replicas that serve go on serving.",
    Reason.WAITING_FOR_IDLE: "The rollout waits until no request is in flight, or for whenIdle.timeoutSeconds.",
    Reason.AS_REQUESTED: "spec.rollout.type asks for this path.",
    Reason.FREE_GPU: "There is room for one more replica, so a new one comes before an old one goes.",
    Reason.NO_FREE_GPU: "There is no room for one more replica, so an old one leaves before a new one comes: one "
    "replica less serves meanwhile. Free a GPU, or set rollout.type to Surge to wait for one.",
    Reason.FREE_CAPACITY_UNKNOWN: "The operator may not read nodes here; it tries a new replica first, and lets an old "
    "one leave first when the scheduler finds no room.",
    Reason.SCALING: "The number of replicas is changing.",
    Reason.SETTLED: "Nothing is left to do.",
    Reason.PAUSED: "spec.paused is true: the operator watches and touches nothing; set it to false to go on.",
    Reason.DELETING: "The object is being deleted; in-flight requests drain first.",
    Reason.ALL_PLACED: "Every replica has found a node.",
    Reason.UPGRADE_AVAILABLE: "This operator would make the pods differently; what runs stays as it is. The next "
    "change of the engine part, or a new rollout.restartTime, brings the difference.",
    Reason.UP_TO_DATE: "The pods are as this operator would make them.",
    Reason.INSUFFICIENT_GPU: "The scheduler finds no free GPU of the asked kind; free one, add a node, or ask for "
    "another product. What runs goes on running.",
    Reason.UNSCHEDULABLE: "The scheduler finds no fitting node; the message has its words. Free or add one that fits, "
    "or ask for less in accelerator, resources or pod. What runs goes on running.",
    Reason.INVALID_SPEC: "The stored spec breaks a rule of the schema; correct the named field. What runs stays.",
    Reason.NAME_TAKEN: "An object of a needed name exists and is not ours; rename one of the two.",
    Reason.REVISION_MISSING: "The frozen template of a running revision was deleted; its pods are left alone. "
    "Change the engine part, which makes a new revision.",
    Reason.REFUSED: "The API server refused a write; the message has its words. Mend what they name; it is "
    "tried again by itself.",
    Reason.QUOTA_EXCEEDED: "A resource quota of the namespace forbids more pods; raise it or ask for less.",
    Reason.POD_SECURITY_VIOLATION: "The namespace's pod security level forbids the pods; the message names the field. "
    "Correct it, or take a namespace whose level allows it.",
    Reason.POD_CREATION_FAILED: "Pods cannot be created; the message has the API server's words. Mend what they name; "
    "it goes on by itself.",
    Reason.ADMISSION_DENIED: "A rule of the cluster or the namespace forbids the pods; the message names it. Meet it, "
    "or have it changed.",
    Reason.ADMISSION_UNREACHABLE: "An admission webhook of the cluster gives no answer, so that no pod can be created; "
    "it goes on by itself once the webhook answers.",
    Reason.IMAGE_PULL_FAILED: "The image cannot be pulled; check engine.image and pod.imagePullSecrets.",
    Reason.CONFIG_ERROR: "The container cannot be configured: the image does not suit the pod, as the message says. "
    "Correct engine.image.",
    Reason.SECRET_NOT_FOUND: "A Secret that the spec names is not in the namespace; create it or correct the name.",
    Reason.SECRET_KEY_MISSING: "A Secret that the spec names lacks the key that is read; add it, the message names it.",
    Reason.INVALID_SECRET_VALUE: "A Secret that the spec names holds no token under the key that is read; write the "
    "token alone there. The pods read it when they start again, which they do by themselves.",
    Reason.CONFIG_MAP_NOT_FOUND: "A ConfigMap that the spec names is not in the namespace; create it or correct the "
    "name.",
    Reason.CONFIG_MAP_KEY_MISSING: "A ConfigMap that the spec names lacks the key that is read; add it, the message "
    "names it.",
    Reason.VOLUME_UNAVAILABLE: "A claim that the spec names is missing, lost or not bound to a volume that a node can "
    "reach; create or mend it.",
    Reason.POD_NOT_PREPARED: "The node has not prepared a pod's volumes, network or sandbox for two minutes. A "
    "ConfigMap or claim that the spec names may be missing, the runtime class be unknown, or a volume be held by "
    "another node: replicas on several nodes need a claim with access mode ReadWriteMany (RWX). Mend what the pod's "
    "Events name.",
    Reason.CONTAINER_NOT_STARTED: "The node cannot start the container; the message has the container runtime's words. "
    "Check engine.image and pod.runtimeClassName.",
    Reason.PREEMPTED: "A pod was ended in favour of one of higher priority and is replaced when there is room; see "
    "pod.priorityClassName.",
    Reason.EVICTED: "A pod was sent away from its node, by a drain, by pressure on the node or because the node "
    "refused it; it is replaced by itself.",
    Reason.NODE_LOST: "A pod's node is gone, going or not reporting; the pod is replaced on another one by itself.",
    Reason.DOES_NOT_FIT: "The model does not fit the accelerator; the message has the numbers. Take what it says "
    "would fit. What runs goes on running.",
    Reason.MODEL_INVALID: "The model's files are cut, contradict themselves or hold no model; publish whole ones, or "
    "correct model.uri. It is looked at again by itself.",
    Reason.MODEL_NOT_FOUND: "There is no model at model.uri and model.revision that model.files lets through; correct "
    "them. A private repository needs model.credentials.",
    Reason.MODEL_ACCESS_DENIED: "The source refuses access to the model; name a Secret that opens it in "
    "model.credentials. On a hub, accept the model's terms with the account of the token.",
    Reason.MODEL_DOWNLOAD_FAILED: "The place the model comes from cannot be reached, asks to wait or sends other bytes "
    "than it should; the pods try again by themselves, at status.download.retryTime.",
    Reason.UNSAFE_WEIGHTS: "The model's only weights are in a format that can run code when it is loaded; save them as "
    "safetensors or GGUF, or take a repository that has them so.",
    Reason.HOST_PATH_NOT_ALLOWED: "model.cache.hostPath.path is not below a folder that the operator's setting "
    "hostPathCaches names; take another type of cache, or ask whoever runs the operator.",
    Reason.UNSUPPORTED_MODEL: "The engine does not know this kind of model; take a newer engine.image, or another "
    "model.",
    Reason.TENSOR_PARALLEL_MISMATCH: "The model cannot be split over that many GPUs; set engine.parallelism.tensor to "
    "a number that divides its attention heads.",
    Reason.QUANTIZATION_UNSUPPORTED: "The engine or the GPU cannot run the quantization of weights or cache; take a "
    "newer GPU, another method or a checkpoint that is quantized otherwise. What runs goes on running.",
    Reason.QUANTIZATION_MISMATCH: "The model's weights are not what spec.quantization asks for; the message says what "
    "they are. Correct quantization.method or quantization.source, or take another checkpoint.",
    Reason.DISK_FULL: "The pod's disk is full; raise resources.requests.ephemeral-storage and its limit, or give "
    "model.cache a larger volume.",
    Reason.OUT_OF_GPU_MEMORY: "The model does not fit; lower maxModelLen or maxConcurrency, or take a larger GPU.",
    Reason.OUT_OF_HOST_MEMORY: "The pod exceeded its memory limit; raise resources.limits.memory.",
    Reason.BAD_ENGINE_CONFIG: "The engine refuses its options; the message has its words. Correct the option that they "
    "name in engine.",
    Reason.STARTUP_TIMED_OUT: "The engine was not ready within lifecycle.startupTimeoutSeconds; raise it when the "
    "model is large or its disk slow.",
    Reason.ENGINE_STALLED: "The engine stopped answering or stood still at work, and was started again. Where that "
    "comes back, take another engine.image, or ask for less with engine.maxConcurrency.",
    Reason.CRASH_LOOP: "The engine keeps ending; the message has its last words. Correct what they name; "
    "`kubectl logs --previous` of the pod in problems says more.",
    Reason.REQUESTS_ABORTED: "A pod left before its requests were answered; raise lifecycle.drainTimeoutSeconds.",
    Reason.NO_FAILURE: "Nothing stands in the way.",
    Reason.NOT_CONFIGURED: "spec.autoscaling is absent; the size is spec.replicas.",
    Reason.LOAD_OBSERVED: "The pods report their load and the size follows it.",
    Reason.LOAD_UNAVAILABLE: "Not enough pods report their load; the size is held until they do. Check that the "
    "operator reaches port 9000 of the pods.",
    Reason.METRICS_SOURCE_UNKNOWN: "spec.autoscaling.metricsSourceName is no source of this operator; name one of its "
    "setting metricsSources, or leave the field out to read the pods. The size is held.",
    Reason.METRICS_SOURCE_UNAVAILABLE: "The metrics source does not answer, or not with numbers; the message says how. "
    "Mend it, or its entry in the operator's setting metricsSources. The size is held meanwhile.",
    Reason.REPLICAS_IGNORED: "spec.replicas is ignored while spec.autoscaling is set; change minReplicas and "
    "maxReplicas there instead, or remove replicas.",
    Reason.NO_ADAPTERS: "spec.lora names no adapter, so none is missing.",
    Reason.ADAPTERS_LOADED: "Every ready pod serves every adapter.",
    Reason.ADAPTERS_LOADING: "Ready pods are fetching and loading adapters; those that serve go on serving.",
    Reason.ADAPTERS_UNKNOWN: "No ready pod says how its adapters stand. Check that there is one, and that the operator "
    "reaches its port 9000.",
    Reason.ADAPTER_NOT_FOUND: "An adapter's uri or revision leads to no adapter_config.json with "
    "adapter_model.safetensors; correct it, or put them there. A private repository needs model.credentials.",
    Reason.ADAPTER_ACCESS_DENIED: "The hub refuses access to an adapter; accept its terms with the account of the "
    "token, and name the Secret with that token in model.credentials.",
    Reason.ADAPTER_DOWNLOAD_FAILED: "An adapter's files cannot be read or fetched; it is tried again by itself.",
    Reason.ADAPTER_INVALID: "An adapter's files are cut or contradict themselves; publish whole ones.",
    Reason.ADAPTER_UNSUPPORTED: "The engine cannot serve this kind of adapter; train or convert it to a plain LoRA in "
    "safetensors.",
    Reason.ADAPTER_RANK_TOO_HIGH: "An adapter's rank exceeds lora.maxRank; raise that, which makes a new revision, or "
    "take one of a lower rank.",
    Reason.ADAPTER_BASE_MISMATCH: "An adapter was made for a model of another shape; take one for this base model.",
    Reason.ADAPTER_REFUSED: "The engine refuses an adapter; the message has its words. Correct the adapter, or remove "
    "it from lora.adapters.",
    Reason.FOREIGN_AUTOSCALER: "A HorizontalPodAutoscaler of somebody, KEDA's for instance, aims at this fleet. One "
    "that aims at its Deployment is left the size, so that nobody fights over pods; one that aims at this object is "
    "refused while spec.autoscaling is set. Delete it, or aim it at this object and take spec.autoscaling away.",
    Reason.INVALID_SCHEDULE: "A schedule cannot be followed; correct it as the message says. Until then it counts for "
    "nothing. The other schedules and the load size the fleet as ever.",
    Reason.OBSERVING: "autoscaling.mode is Observe: status.autoscaling says what Enforce would do.",
    Reason.ENGINE_VERIFIED: "The runtime was made for this version of the engine and finds all that it reads of it.",
    Reason.ENGINE_VERSION_UNKNOWN: "The image holds an engine that the runtime was not made for. It serves; "
    "take a runtime image of this release, or watch that routes, arguments and metrics still mean the same.",
    Reason.METRIC_UNKNOWN: "The engine's metrics page lacks a name that the runtime reads, so that sizing by load may "
    "be held; take a runtime image of this release.",
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
