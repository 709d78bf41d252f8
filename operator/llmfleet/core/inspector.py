"""The values of the Job that reads a model."""

import math
from typing import Any

from llmfleet import names
from llmfleet.api.model import Model
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.api.workload import AcceleratorType
from llmfleet.core.source import claim, credentials, model_files, model_source
from llmfleet.core.template import Defaults, placement
from llmfleet_runtime import contract

ALWAYS_READ = ("hf://", "pvc://")
"""Addresses that the program of every image reads. To an older one any other is a folder that is not there, which would
refuse the model; but it does not know ``--files`` either, and ends on that before it looks."""


def inspection_values(deployment: LLMDeployment, defaults: Defaults) -> dict[str, Any]:
    """What the Job that reads the model is made of: where the pods' image may run, without what needs a GPU."""
    model, spec = deployment.spec.model, deployment.spec
    scratch = contract.SCRATCH_FOLDER
    env = [{"name": name, "value": scratch} for name in ("HOME", "TMPDIR", "HF_HOME")]
    hub = [{"name": "HF_ENDPOINT", "value": defaults.hf_endpoint}] if defaults.hf_endpoint else []
    return {
        "timeout_seconds": math.ceil(defaults.inspection_timeout_seconds),
        "labels": dict(spec.pod.labels or {}) | names.inspection_labels(deployment.name),
        "annotations": dict(spec.pod.annotations or {}),
        "placement": _placement(deployment),
        "container": names.INSPECTION_CONTAINER,
        "image": spec.engine.image or defaults.image(spec.engine.type, spec.accelerator.type),
        "command": _command(model),
        "env": [*env, *hub, *credentials(deployment)],
        "scratch_folder": scratch,
        "model_folder": contract.MODEL_FOLDER,
        "claim": claim(model.uri),
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
