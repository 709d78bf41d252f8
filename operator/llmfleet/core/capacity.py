"""Room for one more replica: what nodes can give and what pods have taken, as the scheduler counts (ruling 12).

Only what our own templates say is read: resource requests, node selector, product affinity, tolerations. A pod that
is leaving holds what it has until it is gone.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from llmfleet.core.pods import has_ended

Raw = Mapping[str, Any]
Amounts = dict[str, Decimal]

_FACTORS = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("0.001"), "": Decimal(1)}
_FACTORS |= {letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", start=1)}
_FACTORS |= {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)}
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)")
_EACH = {"pods": Decimal(1)}
_REPELLING = ("NoSchedule", "NoExecute")


@dataclass(frozen=True)
class Node:
    """One node that takes pods: its labels, its repelling taints, and what is free of each resource."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Raw, ...]
    free: Mapping[str, Decimal]


@dataclass(frozen=True)
class Capacity:
    """The nodes that take pods."""

    nodes: tuple[Node, ...]

    def room(self, template: Raw) -> int:
        """How many pods of this template would find a node now."""
        needed = {name: each for name, each in (requests(template["spec"]) | _EACH).items() if each > 0}
        return sum(_fitting(node, needed) for node in self.nodes if _takes(node, template["spec"]))

    def without(self, template: Raw, node: str) -> "Capacity":
        """The same once a pod of this template has left a node."""
        given_back = requests(template["spec"]) | _EACH
        return Capacity(tuple(_freed(each, given_back) if each.name == node else each for each in self.nodes))


def capacity(nodes: Iterable[Raw], pods: Iterable[Raw]) -> Capacity:
    """Read nodes and all pods of the cluster as the API server gives them."""
    taken: dict[str, Amounts] = {}
    for pod in pods:
        node = pod["spec"].get("nodeName")
        if node and not has_ended(pod):
            _add(taken.setdefault(node, {}), requests(pod["spec"]) | _EACH)
    return Capacity(tuple(_node(raw, taken.get(raw["metadata"]["name"], {})) for raw in nodes if _is_open(raw)))


def requests(pod_spec: Raw) -> Amounts:
    """What a pod asks for: its containers and sidecars together, or one of its init containers if that is more.

    An extended resource may be named by its limit alone. (kubernetes/component-helpers, resource/helpers.go)
    """
    first = pod_spec.get("initContainers", ())
    sidecars = [each for each in first if each.get("restartPolicy") == "Always"]
    total: Amounts = {}
    for container in (*pod_spec.get("containers", ()), *sidecars):
        _add(total, _asked(container))
    for container in first:
        total |= {name: max(amount, total.get(name, amount)) for name, amount in _asked(container).items()}
    _add(total, {name: quantity(str(text)) for name, text in (pod_spec.get("overhead") or {}).items()})
    return total


def _asked(container: Raw) -> Amounts:
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: quantity(str(text)) for name, text in asked.items()}


def quantity(text: str) -> Decimal:
    """A Kubernetes quantity as a number; zero for what is none (the server admits no such thing)."""
    found = _QUANTITY.fullmatch(text)
    return Decimal(found[1]) * _FACTORS.get(found[2], Decimal(0)) if found else Decimal(0)


def _add(total: Amounts, more: Mapping[str, Decimal]) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, Decimal(0)) + amount


def _is_open(raw: Raw) -> bool:
    conditions = raw.get("status", {}).get("conditions", ())
    is_ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return is_ready and not raw["spec"].get("unschedulable") and "deletionTimestamp" not in raw["metadata"]


def _node(raw: Raw, taken: Mapping[str, Decimal]) -> Node:
    given = {name: quantity(str(text)) for name, text in raw["status"].get("allocatable", {}).items()}
    return Node(
        name=raw["metadata"]["name"],
        labels=raw["metadata"].get("labels") or {},
        taints=tuple(taint for taint in raw["spec"].get("taints", ()) if taint.get("effect") in _REPELLING),
        free={name: amount - taken.get(name, Decimal(0)) for name, amount in given.items()},
    )


def _freed(node: Node, given_back: Mapping[str, Decimal]) -> Node:
    free = {name: amount + given_back.get(name, Decimal(0)) for name, amount in node.free.items()}
    return replace(node, free=free)


def _fitting(node: Node, needed: Mapping[str, Decimal]) -> int:
    return max(0, min(int(node.free.get(name, Decimal(0)) // amount) for name, amount in needed.items()))


def _takes(node: Node, pod_spec: Raw) -> bool:
    selected = (pod_spec.get("nodeSelector") or {}).items() <= node.labels.items()
    tolerations = pod_spec.get("tolerations") or ()
    tolerated = all(any(_tolerates(each, taint) for each in tolerations) for taint in node.taints)
    return selected and tolerated and _is_wanted(node, pod_spec)


def _tolerates(toleration: Raw, taint: Raw) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return bool(toleration.get("key") == taint["key"] and (toleration.get("value") or "") == (taint.get("value") or ""))


def _is_wanted(node: Node, pod_spec: Raw) -> bool:
    """Our node affinity has one term, whose expressions all say ``In``."""
    affinity = (pod_spec.get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ()
    expressions = [each for term in terms for each in term["matchExpressions"]]
    return all(node.labels.get(each["key"]) in each["values"] for each in expressions)
