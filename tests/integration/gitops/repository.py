"""A fleet whose manifest lives elsewhere and is applied again and again."""

import json
from dataclasses import dataclass
from typing import Any

from e2e.cluster import ClusterError
from tests.builders import Raw
from tests.integration.operator.fleet import Fleet

SERVER_SIDE = ("--server-side", "--field-manager=gitops", "--force-conflicts")
TRACKING = {
    "annotations": {
        "argocd.argoproj.io/tracking-id": "models:llmfleet.io/LLMDeployment:team-a/qwen",
        "argocd.argoproj.io/sync-wave": "3",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "kopf.zalando.org/last-handled-configuration": "no JSON",
    },
    "labels": {
        "app.kubernetes.io/instance": "models",
        "argocd.argoproj.io/instance": "models",
        "kustomize.toolkit.fluxcd.io/name": "models",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    },
}
"""What GitOps tools and their like leave on the objects that they keep."""


@dataclass
class Repository(Fleet):
    """What a GitOps controller does and sees."""

    def apply(self, *flags: str, **spec: Any) -> None:
        self.kubectl("apply", *flags, "-f", "-", document=self.manifest(**spec))

    def has_drifted(self, *flags: str, **spec: Any) -> bool:
        """Whether the object reads otherwise than its manifest."""
        try:
            self.kubectl("diff", *flags, "-f", "-", document=self.manifest(**spec))
        except ClusterError:
            return True
        return False

    def generation(self) -> int:
        return int(self.get()["metadata"]["generation"])

    def await_ready(self) -> Raw:
        """Wait until the present spec is served; the object."""
        self.await_condition("Ready")
        return self.get()

    def pods(self) -> set[str]:
        """UIDs of the pods that are not leaving."""
        found = [pod["metadata"] for pod in self.list("pods")]
        return {each["uid"] for each in found if "deletionTimestamp" not in each}

    def wanted(self) -> int:
        """Pods wanted, over all revisions."""
        return sum(self.sizes().values())

    def decide(self, desired: int) -> None:
        """Record a decision, as the autoscaler does."""
        decision = {"desired": desired, "reason": "QueueDepth", "message": "", "since": "2026-11-21T12:00:00Z"}
        recorded = {key: value for key, value in self.manifest().items() if key != "spec"}
        recorded["status"] = {"autoscaling": decision | {"loadSeen": True, "history": []}}
        flags = ("--server-side", "--subresource=status", "--field-manager=llmfleet-autoscaler", "--force-conflicts")
        self.kubectl("apply", *flags, "-f", "-", document=recorded)

    def managed_fields(self) -> list[Raw]:
        raw = self.kubectl("get", "llm", self.name, "--show-managed-fields", "-o", "json")
        return list(json.loads(raw)["metadata"]["managedFields"])
