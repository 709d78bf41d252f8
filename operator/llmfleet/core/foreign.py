"""Autoscalers of others: HorizontalPodAutoscalers, by which KEDA scales too (keda ``controllers/keda/hpa.go``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmfleet import names
from llmfleet.core.plan import Ref

TARGETS = {"apps": "Deployment", names.GROUP: names.KIND}
"""What of a fleet can be aimed at, by API group."""


@dataclass(frozen=True)
class Scaler:
    """One of them, and what it sizes."""

    name: str
    """As its user knows it: what made it, where something did."""
    target: Ref

    @property
    def fleet(self) -> str:
        """Name of the LLMDeployment that the target is or, by its name, may belong to."""
        return self.target.name if self.target.kind == names.KIND else self.target.name.rpartition("-")[0]


def scaler(raw: Mapping[str, Any]) -> Scaler | None:
    """Read a HorizontalPodAutoscaler; None for one that cannot aim at a fleet."""
    target, metadata = raw["spec"]["scaleTargetRef"], raw["metadata"]
    if TARGETS.get(target.get("apiVersion", "").partition("/")[0]) != target["kind"]:
        return None
    made_by = next((each for each in metadata.get("ownerReferences") or () if each.get("controller")), None)
    name = f"{made_by['kind']}/{made_by['name']}" if made_by else f"{raw['kind']}/{metadata['name']}"
    return Scaler(name, Ref(target["kind"], target["name"]))
