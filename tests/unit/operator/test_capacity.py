"""What nodes have left, counted as the scheduler counts."""

from decimal import Decimal
from typing import Any

import pytest

from llmfleet.core.capacity import capacity, quantity

GPU = "nvidia.com/gpu"
Raw = dict[str, Any]


def node(name: str = "a", gpus: int = 8, **members: Any) -> Raw:
    return {
        "metadata": {"name": name, "labels": {"nvidia.com/gpu.product": "H100", "kubernetes.io/hostname": name}},
        "spec": members.get("spec", {}),
        "status": {
            "allocatable": {"cpu": "16", "memory": "64Gi", GPU: str(gpus), "pods": "110"}
            | members.get("allocatable", {}),
            "conditions": [{"type": "Ready", "status": members.get("ready", "True")}],
        },
    }


def pod(on: str | None, gpus: int = 1, phase: str = "Running", **resources: str) -> Raw:
    container = {"resources": {"requests": resources, "limits": {GPU: str(gpus)}}}
    placed = {"nodeName": on} if on else {}
    return {"metadata": {}, "spec": {"containers": [container], **placed}, "status": {"phase": phase}}


def template(gpus: int = 1, resources: Raw | None = None, **spec: Any) -> Raw:
    limits = {GPU: str(gpus)} if gpus else {}
    return {"spec": {"containers": [{"resources": {"limits": limits, "requests": resources or {}}}], **spec}}


H100 = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [
                {"matchExpressions": [{"key": "nvidia.com/gpu.product", "operator": "In", "values": ["H100", "H200"]}]}
            ]
        }
    }
}
A100 = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [
                {"matchExpressions": [{"key": "nvidia.com/gpu.product", "operator": "In", "values": ["A100"]}]}
            ]
        }
    }
}
TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
SOFT = {"key": "old", "effect": "PreferNoSchedule"}
TAINTED = {"spec": {"taints": [TAINT]}}
EXISTS = {"key": GPU, "operator": "Exists"}


@pytest.mark.proves("F28", "S18")
@pytest.mark.parametrize(
    ("nodes", "pods", "asked", "expected"),
    [
        pytest.param([node()], [], template(), 8, id="an empty node"),
        pytest.param([], [], template(), 0, id="no node"),
        pytest.param([node(), node("b", 2)], [], template(), 10, id="two nodes"),
        pytest.param([node(gpus=3), node("b", 3)], [], template(2), 2, id="a pod does not span nodes"),
        pytest.param([node(gpus=1)], [pod("a")], template(), 0, id="taken"),
        pytest.param([node(gpus=1)], [pod("a", phase="Succeeded")], template(), 1, id="a finished pod holds nothing"),
        pytest.param([node(gpus=1)], [pod(None)], template(), 1, id="an unplaced pod holds nothing"),
        pytest.param([node(gpus=1)], [pod("b")], template(), 1, id="taken elsewhere"),
        pytest.param([node()], [pod("a", 0, cpu="15500m")], template(1, {"cpu": "1"}), 0, id="no CPU left"),
        pytest.param([node()], [], template(1, {"memory": "20Gi"}), 3, id="memory is what is scarce"),
        pytest.param([node(allocatable={"pods": "2"})], [pod("a")], template(), 1, id="a node takes so many pods"),
        pytest.param([node(gpus=0)], [], template(0), 110, id="no GPU asked for"),
        pytest.param([node()], [], {"spec": {"containers": [{"resources": {"limits": {"nvidia.com/gpuu": "1"}}}]}}, 0,
                     id="a resource that no node has"),
        pytest.param([node(ready="False")], [], template(), 0, id="not ready"),
        pytest.param([node(spec={"unschedulable": True})], [], template(), 0, id="cordoned"),
        pytest.param([node(**TAINTED)], [], template(), 0, id="tainted"),
        pytest.param([node(spec={"taints": [SOFT]})], [], template(), 8, id="a taint that only discourages"),
        pytest.param([node(**TAINTED)], [], template(tolerations=[EXISTS]), 8, id="tolerated"),
        pytest.param([node(**TAINTED)], [], template(tolerations=[{"key": GPU, "value": "no"}]), 0, id="other value"),
        pytest.param([node(**TAINTED)], [], template(tolerations=[{"operator": "Exists"}]), 8, id="all tolerated"),
        pytest.param([node(**TAINTED)], [], template(tolerations=[{**EXISTS, "effect": "NoExecute"}]),
                     0, id="other effect"),
        pytest.param([node()], [], template(affinity=H100), 8, id="a wanted product"),
        pytest.param([node()], [], template(affinity=A100), 0, id="another product"),
        pytest.param([node()], [], template(nodeSelector={"kubernetes.io/hostname": "a"}), 8, id="the selected node"),
        pytest.param([node()], [], template(nodeSelector={"kubernetes.io/hostname": "z"}), 0, id="another node"),
    ],
)  # fmt: skip
def test_room(nodes: list[Raw], pods: list[Raw], asked: Raw, expected: int) -> None:
    assert capacity(nodes, pods).room(asked) == expected


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1), ("500m", Decimal("0.5")), ("8Gi", 8 * 2**30), ("1k", 1000), ("2Ki", 2048), ("1.5Gi", 1.5 * 2**30),
        ("1e3", 1000), ("12E2", 1200), ("3E", 3 * 10**18), ("1Ei", 2**60), (".5", Decimal("0.5")), ("100M", 10**8),
        ("16GB", 0), ("", 0), ("nonsense", 0),
    ],
)  # fmt: skip
def test_quantities(text: str, number: Decimal) -> None:
    assert quantity(text) == number
