"""A node that nobody plays: pods find their place on it and never start."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from e2e.cluster import Cluster

DEAD_NODE = {"example.com/dead": "true"}
"""Selects it."""


@contextmanager
def a_dead_node(cluster: Cluster) -> Iterator[None]:
    """There is one. Its taint keeps all pods away that do not tolerate everything."""
    name = f"dead-{uuid.uuid4().hex[:6]}"
    given = {"cpu": "512", "memory": "4Ti", "pods": "500", "nvidia.com/gpu": "500"}
    document = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": DEAD_NODE},
        "spec": {"taints": [{"key": "example.com/dead", "effect": "NoSchedule"}]},
    }
    status = {"allocatable": given, "capacity": given, "conditions": [{"type": "Ready", "status": "True"}]}
    cluster.kubectl("create", "-f", "-", input=json.dumps(document))
    try:
        patch = json.dumps({"status": status})
        cluster.kubectl("patch", "node", name, "--subresource=status", "--type=merge", "-p", patch)
        yield
    finally:
        cluster.kubectl("delete", "node", name, "--ignore-not-found")
