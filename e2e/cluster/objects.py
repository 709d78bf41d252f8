"""What a new cluster needs inside the API server before it is of use: rights of its components, DNS, nodes."""

from typing import Any

from e2e.cluster import gpus, layout
from e2e.cluster.layout import Profile

Manifest = dict[str, Any]
KWOK_NODES = 10
_RBAC = "rbac.authorization.k8s.io"


def objects(profile: Profile) -> Manifest:
    """List everything to create in a cluster of `profile`."""
    items: list[Manifest] = []
    if profile is Profile.CONTROL:
        items = [_binding("kwok", "cluster-admin"), *(gpus.kwok_node(f"kwok-{i}") for i in range(KWOK_NODES))]
    if profile is Profile.FULL:
        items = [_dns_role(), _binding("coredns", "llmfleet:coredns"), *_dns_service()]
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _binding(component: str, role: str) -> Manifest:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"llmfleet:{component}"},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": f"system:{component}"}],
    }


def _dns_role() -> Manifest:
    read = ["list", "watch"]
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "llmfleet:coredns"},
        "rules": [
            {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": read},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
        ],
    }


def _dns_service() -> list[Manifest]:
    """Lead the address that pods ask to CoreDNS, which runs on the host beside the other components."""
    ports = [("dns", "UDP"), ("dns-tcp", "TCP")]
    service: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system"},
        "spec": {
            "clusterIP": layout.DNS_SERVICE_ADDRESS,
            "ports": [
                {"name": name, "protocol": protocol, "port": 53, "targetPort": layout.DNS_PORT}
                for name, protocol in ports
            ],
        },
    }
    endpoints: Manifest = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": {"kubernetes.io/service-name": "kube-dns"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [layout.BRIDGE_ADDRESS], "conditions": {"ready": True}}],
        "ports": [{"name": name, "protocol": protocol, "port": layout.DNS_PORT} for name, protocol in ports],
    }
    return [service, endpoints]
