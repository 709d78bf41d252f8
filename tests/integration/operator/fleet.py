"""One LLMDeployment in a namespace of its own: changed by kubectl, read as often as is needed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from e2e.cluster import Cluster
from llmfleet import names
from llmfleet.shell.kinds import CHILDREN, OWN, POD, Kind
from tests.builders import Raw, merged
from tests.integration.operator.operator_process import PATIENCE_SECONDS, eventually

KINDS = "deployments,controllerrevisions,configmaps,services,poddisruptionbudgets,networkpolicies,jobs"
MANAGED = "app.kubernetes.io/managed-by=llmfleet"
REPAIRED_SECONDS = 10.0
"""From an edit or a deletion by hand to what was meant (R08)."""
SERVED = {each.plural: each for each in (*CHILDREN, POD, Kind("ReplicaSet", "apps", "v1", "replicasets"))}


@dataclass
class Fleet:
    """What a user does and sees."""

    cluster: Cluster
    namespace: str
    name: str = "qwen"

    def kubectl(self, *arguments: str, document: Raw | None = None) -> str:
        """What kubectl prints; ClusterError when it refuses. ``document`` goes in where ``-f -`` stands."""
        text = None if document is None else json.dumps(document)
        return self.cluster.kubectl("--namespace", self.namespace, *arguments, input=text)

    def manifest(self, **spec: Any) -> Raw:
        """The object as a user keeps it; a member given as None is left out."""
        usual = {"model": {"uri": "file:///models/tiny"}, "replicas": 2}
        return {
            "apiVersion": "llmfleet.io/v1alpha1",
            "kind": "LLMDeployment",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": merged(usual, spec),
        }

    def create(self, **spec: Any) -> None:
        self.kubectl("create", "-f", "-", document=self.manifest(**spec))

    def edit(self, **spec: Any) -> None:
        self.kubectl("patch", "llm", self.name, "--type=merge", "-p", json.dumps({"spec": spec}))

    @contextmanager
    def claimed(self, name: str) -> Iterator[None]:
        """A claim of this name and the volume that it takes, which goes with the block."""
        volume = f"{self.namespace}-{name}"
        usual = {"accessModes": ["ReadOnlyMany"], "storageClassName": ""}
        size = {"storage": "1Gi"}
        place = {"capacity": size, "hostPath": {"path": "/nowhere"}}
        taken = {"volumeName": volume, "resources": {"requests": size}}
        objects = [
            {"apiVersion": "v1", "kind": kind, "metadata": {"name": own}, "spec": usual | spec}
            for kind, own, spec in (("PersistentVolume", volume, place), ("PersistentVolumeClaim", name, taken))
        ]
        self.kubectl("create", "-f", "-", document={"apiVersion": "v1", "kind": "List", "items": objects})
        try:
            yield
        finally:
            self.kubectl("delete", "pv", volume, "--wait=false")

    def get(self) -> Raw:
        return dict(self.cluster.request("GET", OWN.path(self.namespace, self.name)))

    def serving(self) -> list[Raw]:
        """Its pods, but those that only inspect."""
        return [pod for pod in self.list("pods") if _serves(pod)]

    def list(self, kinds: str) -> list[Raw]:
        """All of its own of some kinds, as kubectl names them, in the order of kind and name."""
        selector = f"{MANAGED},llmfleet.io/deployment={self.name}"
        found: list[Raw] = []
        for kind in map(SERVED.__getitem__, kinds.split(",")):
            items = self.cluster.request("GET", kind.path(self.namespace), labelSelector=selector)["items"]
            # The server leaves a list's items without their kind.
            found += ({"apiVersion": kind.api_version, "kind": kind.kind, **each} for each in items)
        return sorted(found, key=lambda raw: (raw["kind"], raw["metadata"]["name"]))

    def condition(self, kind: str) -> Raw:
        """A condition that speaks of the present spec; empty before."""
        raw = self.get()
        generation = raw["metadata"]["generation"]
        found = (each for each in raw.get("status", {}).get("conditions", ()) if each["type"] == kind)
        condition = next(found, {})
        return dict(condition) if condition.get("observedGeneration") == generation else {}

    def await_condition(self, kind: str, status: str = "True", seconds: float = PATIENCE_SECONDS) -> Raw:
        return eventually(lambda: self.condition(kind), lambda found: found.get("status") == status, seconds)

    def sizes(self) -> dict[str, int]:
        return {raw["metadata"]["name"]: raw["spec"]["replicas"] for raw in self.list("deployments")}

    def ready_pods(self) -> int:
        return sum(_is_ready(pod) for pod in self.serving())


def _serves(pod: Raw) -> bool:
    """No pod that only inspects."""
    return bool(pod["metadata"]["labels"].get(names.APP_NAME_LABEL) == names.APP_NAME)


def _is_ready(pod: Raw) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return "deletionTimestamp" not in pod["metadata"] and any(
        each["type"] == "Ready" and each["status"] == "True" for each in conditions
    )
