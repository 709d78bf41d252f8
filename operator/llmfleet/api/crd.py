"""The CustomResourceDefinition, made from the models."""

from typing import Any

from llmfleet import names
from llmfleet.api.schema import structural_schema
from llmfleet.api.status import Status
from llmfleet.api.v1alpha1 import ROOT_RULES, Spec

_READY = '.status.conditions[?(@.type=="Ready")]'


def _column(name: str, kind: str, path: str, description: str, priority: int = 0) -> dict[str, Any]:
    column = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return column | ({"priority": priority} if priority else {})


COLUMNS = (
    _column("Ready", "string", f"{_READY}.status", "Whether the last spec is fully served."),
    _column("Reason", "string", f"{_READY}.reason", "Why, in one word."),
    _column("Replicas", "string", ".status.readySummary", "Ready of wanted replicas."),
    _column("Model", "string", ".spec.model.uri", "The model that is served."),
    _column("Adapters", "string", ".status.adapters.summary", "Ready of wanted adapters."),
    _column("Age", "date", ".metadata.creationTimestamp", "Time since creation."),
    _column("Revision", "string", ".status.revision", "Hash of what the pods are made from.", priority=1),
    _column("Desired", "integer", ".status.desiredReplicas", "Replicas wanted.", priority=1),
    _column("KV-Predicted", "integer", ".status.fit.kvTokensPredicted", "Tokens the cache was to hold.", priority=1),
    _column("KV-Measured", "integer", ".status.fit.kvTokensMeasured", "Tokens the cache holds.", priority=1),
    _column("Endpoint", "string", ".status.endpoint", "OpenAI-compatible base URL.", priority=1),
    _column("Message", "string", f"{_READY}.message", "Why, in a sentence.", priority=1),
)


def _root_schema() -> dict[str, Any]:
    status = structural_schema(Status) | {"default": {"observedGeneration": -1}}
    return {
        "type": "object",
        "description": "LLMDeployment is a fleet of servers for one large language model.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of this schema: llmfleet.io/v1alpha1."},
            "kind": {"type": "string", "description": "Kind of this object: LLMDeployment."},
            "metadata": {"type": "object"},
            "spec": structural_schema(Spec),
            "status": status,
        },
        "x-kubernetes-validations": list(ROOT_RULES),
    }


def crd() -> dict[str, Any]:
    """The whole CRD as the API server takes it."""
    version = {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _root_schema()},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "additionalPrinterColumns": list(COLUMNS),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.PLURAL}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "names": {
                "kind": names.KIND,
                "listKind": f"{names.KIND}List",
                "plural": names.PLURAL,
                "singular": names.SINGULAR,
                "shortNames": [names.SHORT_NAME],
                "categories": [names.CATEGORY],
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    }
