"""What a new revision freezes: the pod template and the engine document, resolved once from spec and settings."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from llmfleet import __version__, names
from llmfleet.api.cache import Cache, CacheType
from llmfleet.api.model import Model
from llmfleet.api.quantization import Method, Source
from llmfleet.api.quantization import Quantization as Required
from llmfleet.api.tuning import KVCacheDType, PrefixCaching
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.api.workload import AcceleratorType, EngineType, ResourceAmounts
from llmfleet.core import adapters
from llmfleet.core.egress import DIRECT, Egress
from llmfleet.core.render import render
from llmfleet.core.source import claim, credentials, model_files, model_source
from llmfleet_runtime import contract
from llmfleet_runtime.contract import EngineConfig, NamedValue, Quantization

LARGEST_DRAIN_SECONDS = 3600
GRACE_MARGIN_SECONDS = 60
STARTUP_PERIOD_SECONDS = 2
VOLUME_GROUP = 65_532
"""Group that may write to a cache volume: that of the runtime images' user."""
DEFAULT_SHARED_MEMORY = "1Gi"
_PREFIX_CACHING = {PrefixCaching.AUTO: None, PrefixCaching.ENABLED: True, PrefixCaching.DISABLED: False}


@dataclass(frozen=True)
class Defaults:
    """The operator's settings that enter a new revision."""

    images: dict[AcceleratorType, str]
    hf_endpoint: str = ""
    endpoint_lag_seconds: float = 8.0
    host_path_caches: tuple[str, ...] = ()
    """Folders of nodes that fleets may keep models below. Not part of a revision."""
    status_namespaces: tuple[str, ...] = ("llmfleet-system",)
    """Whose pods may read status and metrics whatever spec.access says. Not part of a revision."""
    inspection_timeout_seconds: float = 0.0
    """How long a new revision waits for its model's facts; 0: they are not looked for. Not part of a revision."""
    engine_images: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By engine and accelerator, of the engines that ``images`` are not of."""
    quantize_image: str = ""
    """Of Jobs that make checkpoints. Not part of a revision."""
    egress: Egress = DIRECT

    def image(self, engine: EngineType, accelerator: AcceleratorType) -> str:
        """Of pods that do not name their own."""
        return self.engine_images.get((engine, accelerator)) or self.images[accelerator]

    def outside(self) -> dict[str, str]:
        """Variables that tell a pod where models come from and by which way."""
        hub = {"HF_ENDPOINT": self.hf_endpoint} if self.hf_endpoint else {}
        return hub | self.egress.environment()

    @cached_property
    def made_by(self) -> str:
        """What the making of a revision depends on besides the spec: this operator's version and its settings."""
        known = (__version__, sorted(self.images.items()), self.hf_endpoint, self.endpoint_lag_seconds)
        settings = (*known, *sorted(self.engine_images.items()), *((self.egress,) if self.egress != DIRECT else ()))
        return hashlib.sha256(repr(settings).encode()).hexdigest()[:10]


@dataclass(frozen=True)
class Frozen:
    """All of one revision; applied byte for byte for as long as it lives."""

    template: dict[str, Any]
    engine_json: str
    image: str
    generation: int
    made_by: str = ""
    """``Defaults.made_by`` of the operator that froze it."""
    model: Mapping[str, Any] = field(default_factory=dict)
    """What was found out about the model, and what was foretold of it; empty where nobody looked."""


def freeze(
    deployment: LLMDeployment, revision: str, defaults: Defaults, model: Mapping[str, Any] | None = None
) -> Frozen:
    """Resolve a spec into what its pods will be. ``model`` is what was found out about the model."""
    spec, known = deployment.spec, model or {}
    image = spec.engine.image or defaults.image(spec.engine.type, spec.accelerator.type)
    served = serving(deployment, known["checkpoint"]) if "checkpoint" in known else deployment
    return Frozen(
        template=render("pod", _pod_values(deployment, revision, image, defaults)),
        engine_json=engine_config(served, defaults).to_json(),
        image=image,
        generation=deployment.generation,
        made_by=defaults.made_by,
        model=known,
    )


def serving(deployment: LLMDeployment, folder: str) -> LLMDeployment:
    """The object as its engine shall see it, with a checkpoint that was made for it in this folder of the container."""
    spec = deployment.spec
    found = {"uri": f"file://{folder}", "revision": None}
    required = Required(method=Method(contract.SERVED_AS[spec.quantization.method]), source=Source.CHECKPOINT)
    made = {"model": spec.model.model_copy(update=found), "quantization": required}
    return deployment.model_copy(update={"spec": spec.model_copy(update=made)})


def allowing(deployment: LLMDeployment, seconds: int) -> LLMDeployment:
    """The object with time for a start of so many seconds, unless it says itself how long one may take."""
    spec, lifecycle = deployment.spec, deployment.spec.lifecycle
    if "startup_timeout_seconds" in lifecycle.model_fields_set or seconds <= lifecycle.startup_timeout_seconds:
        return deployment
    patient = lifecycle.model_copy(update={"startup_timeout_seconds": seconds})
    return deployment.model_copy(update={"spec": spec.model_copy(update={"lifecycle": patient})})


def resolving(deployment: LLMDeployment, max_model_len: int | None, commit: str | None) -> LLMDeployment:
    """The object with the context that it leaves open, and with what a branch or tag was at; None: not known."""
    engine, model = deployment.spec.engine, deployment.spec.model
    resolved = {
        "engine": engine.model_copy(update={"max_model_len": engine.max_model_len or max_model_len}),
        "model": _pinned(model, commit) if commit else model,
    }
    return deployment.model_copy(update={"spec": deployment.spec.model_copy(update=resolved)})


def _pinned(model: Model, commit: str) -> Model:
    """Object stores keep no earlier state that could be asked for."""
    if model.uri.startswith("hf://"):
        return model.model_copy(update={"revision": commit})
    if model.uri.startswith("oci://"):
        return model.model_copy(update={"uri": f"{model.uri.partition('@')[0]}@{commit}"})
    return model


def engine_config(deployment: LLMDeployment, defaults: Defaults) -> EngineConfig:
    """The engine document; argv is made from it in the pod."""
    spec = deployment.spec
    return EngineConfig(
        engine=None if spec.engine.type == contract.DEFAULT_ENGINE else spec.engine.type,
        model=model_source(spec.model.uri),
        revision=spec.model.revision,
        files=model_files(spec.model.files),
        sha256=spec.model.sha256,
        task=spec.model.task,
        served_names=spec.model.served_names or (deployment.name,),
        max_model_len=spec.engine.max_model_len,
        max_concurrency=spec.engine.max_concurrency,
        dtype=spec.engine.dtype.lower(),
        lora=adapters.limits(deployment),
        quantization=_quantization(spec.quantization),
        tensor_parallel=spec.engine.parallelism.tensor if spec.engine.parallelism.tensor > 1 else None,
        kv_cache_dtype=_kv_cache_dtype(spec.engine.kv_cache.dtype),
        prefix_caching=_PREFIX_CACHING[spec.engine.prefix_caching],
        args=tuple(NamedValue(name=each.name, value=each.value) for each in spec.engine.args),
        env=tuple(NamedValue(name=each.name, value=each.value) for each in spec.engine.env),
        endpoint_lag_seconds=defaults.endpoint_lag_seconds,
        drain_timeout_seconds=spec.lifecycle.drain_timeout_seconds,
        startup_timeout_seconds=spec.lifecycle.startup_timeout_seconds,
    )


def _kv_cache_dtype(dtype: KVCacheDType) -> str | None:
    return None if dtype is KVCacheDType.AUTO else str(dtype)


def _quantization(required: Required) -> Quantization | None:
    return None if required.method is Method.AUTO else Quantization(method=required.method, source=required.source)


def _pod_values(deployment: LLMDeployment, revision: str, image: str, defaults: Defaults) -> dict[str, Any]:
    spec, pod = deployment.spec, deployment.spec.pod
    requests, limits = _resources(deployment)
    return {
        "labels": dict(pod.labels or {}) | names.pod_labels(deployment.name, deployment.uid, revision),
        "annotations": dict(pod.annotations or {}),
        "grace_seconds": LARGEST_DRAIN_SECONDS + GRACE_MARGIN_SECONDS,
        "placement": placement(deployment),
        "topology_keys": [each.topology_key for each in pod.topology_spread] or ["kubernetes.io/hostname"],
        "selector": selector(deployment.uid, revision),
        "container": names.ENGINE_CONTAINER,
        "image": image,
        "env": [*_environment(deployment, defaults), *credentials(deployment), *_chat_template(deployment)],
        "serving_port": contract.SERVING_PORT,
        "status_port": contract.STATUS_PORT,
        "requests": requests,
        "limits": limits,
        "readyz": contract.READYZ_PATH,
        "livez": contract.LIVEZ_PATH,
        "startup_period_seconds": STARTUP_PERIOD_SECONDS,
        "startup_failures": math.ceil(spec.lifecycle.startup_timeout_seconds / STARTUP_PERIOD_SECONDS),
        "config_folder": contract.CONFIG_FOLDER,
        "scratch_folder": contract.SCRATCH_FOLDER,
        "cache_folder": contract.CACHE_FOLDER,
        "model_folder": contract.MODEL_FOLDER,
        "claim": claim(spec.model.uri),
        "certificates": defaults.egress.certificates(),
        "certificates_folder": contract.CERTIFICATES_FOLDER,
        "cache_volume": {"name": "cache"} | _cache_source(spec.model.cache),
        "volume_group": None if spec.model.cache.type is CacheType.EMPTY_DIR else VOLUME_GROUP,
        "engine_config_map": names.revision_name(deployment.name, revision),
        "live_config_map": names.live_name(deployment.name),
        "shared_memory": spec.resources.shared_memory or DEFAULT_SHARED_MEMORY,
    }


def selector(uid: str, revision: str | None = None) -> dict[str, str]:
    """Labels that select one fleet's pods, or one revision's."""
    return {names.UID_LABEL: uid} | ({names.REVISION_LABEL: revision} if revision else {})


def _environment(deployment: LLMDeployment, defaults: Defaults) -> list[dict[str, str]]:
    """Folders that a read-only root file system lacks, and where models come from and by which way."""
    values = {
        "HOME": contract.SCRATCH_FOLDER,
        "TMPDIR": contract.SCRATCH_FOLDER,
        "HF_HOME": f"{contract.CACHE_FOLDER}/huggingface",
        "XDG_CACHE_HOME": contract.CACHE_FOLDER,
    }
    for name, value in contract.ENGINES[deployment.spec.engine.type].pod_environment.items():
        values[name] = value.format(cache=contract.CACHE_FOLDER)
    return [{"name": name, "value": value} for name, value in (values | defaults.outside()).items()]


def _chat_template(deployment: LLMDeployment) -> list[dict[str, Any]]:
    """The chat template, which the kubelet reads out of the user's ConfigMap.

    Not a mounted file: of a missing ConfigMap the kubelet then tells in the pod's status, and not only by an Event.
    """
    template = deployment.spec.engine.chat_template
    if template is None:
        return []
    key = {"name": template.config_map_name, "key": template.key}
    return [{"name": contract.CHAT_TEMPLATE, "valueFrom": {"configMapKeyRef": key}}]


def _cache_source(cache: Cache) -> dict[str, Any]:
    """What the cache volume is made of."""
    if cache.persistent_volume_claim:
        return {"persistentVolumeClaim": {"claimName": cache.persistent_volume_claim.claim_name}}
    if cache.ephemeral:
        claim: dict[str, Any] = {"accessModes": ["ReadWriteOnce"]}
        if cache.ephemeral.storage_class_name:
            claim["storageClassName"] = cache.ephemeral.storage_class_name
        claim["resources"] = {"requests": {"storage": cache.ephemeral.size}}
        return {"ephemeral": {"volumeClaimTemplate": {"spec": claim}}}
    if cache.host_path:
        return {"hostPath": {"path": cache.host_path.path, "type": "Directory"}}
    return {"emptyDir": {}}


def _resources(deployment: LLMDeployment) -> tuple[dict[str, str], dict[str, str]]:
    resources, accelerator = deployment.spec.resources, deployment.spec.accelerator
    requests, limits = _amounts(resources.requests), _amounts(resources.limits)
    if accelerator.type is not AcceleratorType.CPU:
        gpu = accelerator.resource_name or names.GPU_RESOURCES[accelerator.type]
        limits[gpu] = requests[gpu] = str(deployment.spec.engine.parallelism.tensor)
    return requests, limits


def _amounts(amounts: ResourceAmounts | None) -> dict[str, str]:
    return amounts.model_dump(by_alias=True, exclude_none=True) if amounts else {}


def placement(deployment: LLMDeployment) -> dict[str, Any]:
    """The members of the pod spec that say where it runs; absent ones stay absent."""
    pod = deployment.spec.pod
    members = {
        "serviceAccountName": pod.service_account_name,
        "imagePullSecrets": [{"name": each} for each in pod.image_pull_secrets],
        "priorityClassName": pod.priority_class_name,
        "runtimeClassName": pod.runtime_class_name,
        "schedulerName": pod.scheduler_name,
        "nodeSelector": dict(pod.node_selector or {}),
        "tolerations": [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in pod.tolerations],
        "affinity": _affinity(deployment),
    }
    return {member: value for member, value in members.items() if value}


def _affinity(deployment: LLMDeployment) -> dict[str, Any]:
    accelerator = deployment.spec.accelerator
    if not accelerator.products:
        return {}
    term = {
        "key": names.GPU_PRODUCT_LABELS[accelerator.type],
        "operator": "In",
        "values": list(accelerator.products),
    }
    required = {"nodeSelectorTerms": [{"matchExpressions": [term]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
