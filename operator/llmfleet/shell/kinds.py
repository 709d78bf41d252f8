"""The kinds the operator touches and where the API server serves them."""

from dataclasses import dataclass

from llmfleet import names


@dataclass(frozen=True)
class Kind:
    """One served resource."""

    kind: str
    group: str
    version: str
    plural: str

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """URL path of a collection, an object or a subresource; without namespace the cluster's collection."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root, *(["namespaces", namespace] if namespace else []), self.plural, name, subresource]
        return "/".join(part for part in parts if part)

    @property
    def api_version(self) -> str:
        """As manifests write it."""
        return f"{self.group}/{self.version}" if self.group else self.version


OWN = Kind(names.KIND, names.GROUP, names.VERSION, names.PLURAL)
POD = Kind("Pod", "", "v1", "pods")
NODE = Kind("Node", "", "v1", "nodes")
SCALER = Kind("HorizontalPodAutoscaler", "autoscaling", "v2", "horizontalpodautoscalers")
EVENT = Kind("Event", "", "v1", "events")
LEASE = Kind("Lease", "coordination.k8s.io", "v1", "leases")
CHILDREN = (
    Kind("Deployment", "apps", "v1", "deployments"),
    Kind("ControllerRevision", "apps", "v1", "controllerrevisions"),
    Kind("ConfigMap", "", "v1", "configmaps"),
    Kind("Service", "", "v1", "services"),
    Kind("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets"),
    Kind("Job", "batch", "v1", "jobs"),
    Kind("NetworkPolicy", "networking.k8s.io", "v1", "networkpolicies"),
)
WATCHED = (OWN, *CHILDREN, POD)
BY_KIND = {each.kind: each for each in (*WATCHED, EVENT, LEASE, NODE, SCALER)}
