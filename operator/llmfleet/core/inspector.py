"""The values of the Jobs that read a model, and that make a checkpoint of one."""

import math
from typing import Any

from llmfleet import names
from llmfleet.api.model import Model
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.api.workload import AcceleratorType
from llmfleet.core.source import claim, credentials, model_files, model_source
from llmfleet.core.template import VOLUME_GROUP, Defaults, placement
from llmfleet_runtime import contract

REFUSED, MISSING = 65, 69
"""Exit codes of the program that makes checkpoints where another try would end the same."""

ALWAYS_READ = ("hf://", "pvc://")
"""Addresses that the program of every image reads. To an older one any other is a folder that is not there, which would
refuse the model; but it does not know ``--files`` either, and ends on that before it looks."""


def inspection_values(deployment: LLMDeployment, defaults: Defaults) -> dict[str, Any]:
    """What the Job that reads the model is made of: where the pods' image may run, without what needs a GPU."""
    model, spec = deployment.spec.model, deployment.spec
    return _common(deployment, defaults, names.INSPECTION_NAME) | {
        "timeout_seconds": math.ceil(defaults.inspection_timeout_seconds),
        "container": names.INSPECTION_CONTAINER,
        "image": spec.engine.image or defaults.image(spec.engine.type, spec.accelerator.type),
        "command": _command(model),
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
    }


def quantizing_values(
    deployment: LLMDeployment, order: contract.Order, memory_bytes: int, defaults: Defaults
) -> dict[str, Any]:
    """What the Job that makes a checkpoint is made of: an image of its own, and the claim of the pods' cache."""
    cache = deployment.spec.model.cache.persistent_volume_claim
    hub_cache = {"name": "HF_HOME", "value": f"{contract.CACHE_FOLDER}/huggingface"}
    common = _common(deployment, defaults, names.QUANTIZING_NAME)
    return common | {
        "container": names.QUANTIZING_CONTAINER,
        "image": defaults.quantize_image,
        "command": ["python3", "-m", contract.PRODUCING, order.to_json()],
        "env": [hub_cache if each["name"] == "HF_HOME" else each for each in common["env"]],
        "resources": {"requests": {"cpu": "1", "memory": str(memory_bytes)}},
        "refused": [REFUSED, MISSING],
        "cache_folder": contract.CACHE_FOLDER,
        "cache_claim": cache.claim_name if cache else None,
        "volume_group": VOLUME_GROUP,
    }


def _common(deployment: LLMDeployment, defaults: Defaults, app: str) -> dict[str, Any]:
    model, pod, scratch = deployment.spec.model, deployment.spec.pod, contract.SCRATCH_FOLDER
    variables = dict.fromkeys(("HOME", "TMPDIR", "HF_HOME"), scratch) | defaults.outside()
    env = [{"name": name, "value": value} for name, value in variables.items()]
    return {
        "labels": dict(pod.labels or {}) | names.job_labels(deployment.name, app),
        "annotations": dict(pod.annotations or {}),
        "placement": _placement(deployment),
        "env": [*env, *credentials(deployment)],
        "scratch_folder": scratch,
        "model_folder": contract.MODEL_FOLDER,
        "claim": claim(model.uri),
        "certificates": defaults.egress.certificates(),
        "certificates_folder": contract.CERTIFICATES_FOLDER,
        "cache_claim": None,
        "refused": [],
    }


def _command(model: Model) -> list[str]:
    source = model_source(model.uri) if model.uri.startswith("pvc://") else model.uri
    files = model_files(model.files) or (None if model.uri.startswith(ALWAYS_READ) else contract.ModelFiles())
    return [
        *("python3", "-m", "llmfleet_runtime.inspection", source, "--report", contract.TERMINATION_MESSAGE_FILE),
        *(("--revision", model.revision) if model.revision else ()),
        *(("--sha256", model.sha256) if model.sha256 else ()),
        *(("--files", files.to_json()) if files else ()),
    ]


def _placement(deployment: LLMDeployment) -> dict[str, Any]:
    """Where the pods may run, and rather beside their GPUs: a node that fetches the image then has it for them."""
    accelerator = deployment.spec.accelerator
    members = {
        member: value
        for member, value in placement(deployment).items()
        if member not in ("affinity", "runtimeClassName")
    }
    if accelerator.type is AcceleratorType.CPU:
        return members
    label, products = names.GPU_PRODUCT_LABELS[accelerator.type], list(accelerator.products)
    product = {"key": label, "operator": "In", "values": products} if products else {"key": label, "operator": "Exists"}
    preferred = [{"weight": 100, "preference": {"matchExpressions": [product]}}]
    # Kubernetes adds the same to pods that ask for the resource: nodes with GPUs are often kept free of all others.
    beside = {"key": names.GPU_RESOURCES[accelerator.type], "operator": "Exists", "effect": "NoSchedule"}
    return members | {
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}},
        "tolerations": [*members.get("tolerations", ()), beside],
    }
