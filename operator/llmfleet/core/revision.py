"""The revision of a spec: a short hash of what pods are made from."""

import hashlib
import json
from typing import Any

from llmfleet.api.v1alpha1 import LLMDeployment

TEMPLATE_VERSION = 1
"""Raised only when every running fleet must be replaced; see the decisions folder."""

ENGINE_PARTS = ("model", "engine", "quantization", "accelerator", "resources", "pod")


def engine_part(deployment: LLMDeployment) -> dict[str, Any]:
    """The set fields that decide what a pod is. Defaults stay out, so that a new default rolls nothing."""
    part = deployment.spec.model_dump(mode="json", by_alias=True, exclude_unset=True, include=set(ENGINE_PARTS))
    lifecycle = deployment.spec.lifecycle
    if "startup_timeout_seconds" in lifecycle.model_fields_set:
        part["startupTimeoutSeconds"] = lifecycle.startup_timeout_seconds
    if deployment.spec.rollout.restart_time is not None:
        part["restartTime"] = deployment.spec.rollout.restart_time
    part = {key: value for key, value in part.items() if value != {}}
    if deployment.spec.lora is not None:
        # Present without a limit is already an engine that takes adapters; the adapters themselves reach running pods.
        part["lora"] = deployment.spec.lora.model_dump(
            mode="json", by_alias=True, exclude_unset=True, exclude={"adapters"}
        )
    return part


def revision_of(deployment: LLMDeployment) -> str:
    """Ten hex digits over the set fields of the engine part, the template version and the object's UID.

    The UID makes the same name, born again, share nothing with its forerunner.
    """
    identity = {"template": TEMPLATE_VERSION, "uid": deployment.uid, "spec": engine_part(deployment)}
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:10]
