"""Graphics processors that are not there: the capacity and labels a node with eight H100s would show."""

from typing import Any

PER_NODE = 8
RESOURCE = "nvidia.com/gpu"
# What NVIDIA's GPU feature discovery writes on such a node.
LABELS = {
    "nvidia.com/gpu.present": "true",
    "nvidia.com/gpu.count": str(PER_NODE),
    "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
    "nvidia.com/gpu.memory": "81559",
    "nvidia.com/gpu.family": "hopper",
    "nvidia.com/gpu.compute.major": "9",
    "nvidia.com/gpu.compute.minor": "0",
    "nvidia.com/gpu.machine": "llmfleet-test-cluster",
    "nvidia.com/gpu.replicas": "1",
    "nvidia.com/gpu.sharing-strategy": "none",
    "nvidia.com/cuda.driver.major": "580",
    "nvidia.com/cuda.driver-version.major": "580",
    "nvidia.com/cuda.runtime-version.major": "13",
    "nvidia.com/mig.capable": "true",
    "nvidia.com/mig.strategy": "single",
}


def capacity_patch() -> dict[str, Any]:
    """Status patch for a real node; its kubelet keeps it until it restarts."""
    gpus = {RESOURCE: str(PER_NODE)}
    return {"status": {"capacity": gpus, "allocatable": gpus}}


def kwok_node(name: str) -> dict[str, Any]:
    """Describe a node that kwok plays, with as many graphics processors as a real one."""
    resources = {"cpu": "64", "memory": "1Ti", "pods": "110", "ephemeral-storage": "1Ti", RESOURCE: str(PER_NODE)}
    host = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"type": "kwok", **host, **LABELS},
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "status": {"allocatable": resources, "capacity": resources, "phase": "Running"},
    }
