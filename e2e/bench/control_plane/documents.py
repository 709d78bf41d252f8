"""What is created: the objects of the bench, and the children that every operator here makes of one of them."""

from collections.abc import Mapping
from typing import Any

from llmfleet import names
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core import manifests
from llmfleet.core.revision import revision_of
from llmfleet.core.template import Frozen, freeze
from llmfleet.settings import Settings
from llmfleet.shell.defaults import defaults_of
from llmfleet_runtime.contract import LiveConfig

Document = Mapping[str, Any]
REPLICAS = 3
CHILDREN = 6
"""Children of one object, as `children` gives them."""
NODE_MARK = "llmfleet-bench"
"""Label and taint of the nodes that only these pods use."""
DEFAULTS = defaults_of(Settings())


def object_name(number: int) -> str:
    """Two words: the names of its children begin with them."""
    return f"fleet-{number:05d}"


def llmdeployment(namespace: str, number: int) -> Document:
    """One object of the bench: three replicas of a model that lies in the image."""
    placement = {
        "nodeSelector": {NODE_MARK: "true"},
        "tolerations": [{"key": NODE_MARK, "operator": "Exists", "effect": "NoSchedule"}],
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": object_name(number), "namespace": namespace},
        "spec": {"model": {"uri": "file:///models/tiny"}, "replicas": REPLICAS, "pod": placement},
    }


def children(raw: Document) -> list[Document]:
    """The children of an object that the server has accepted, in the order in which they are safe to make.

    At generation 1 they are what llmfleet makes, byte for byte.
    """
    deployment, revision, frozen = _resolved(raw)
    return [
        manifests.controller_revision(deployment, revision, 1, frozen),
        manifests.engine_config_map(deployment, revision, frozen),
        *changing_children(raw),
    ]


def changing_children(raw: Document) -> list[Document]:
    """Those of the children that an edit of the object may change; the other two are immutable."""
    deployment, revision, frozen = _resolved(raw)
    replicas = REPLICAS if deployment.spec.replicas is None else deployment.spec.replicas
    drain_seconds = deployment.spec.lifecycle.drain_timeout_seconds
    live = LiveConfig(number=deployment.generation, drain_timeout_seconds=drain_seconds)
    least = max(0, replicas - deployment.spec.disruption.max_unavailable)
    return [
        manifests.live_config(deployment, live),
        manifests.service(deployment),
        manifests.budget(deployment, least),
        manifests.fleet(deployment, revision, frozen, replicas),
    ]


def _resolved(raw: Document) -> tuple[LLMDeployment, str, Frozen]:
    deployment = LLMDeployment.parse(dict(raw))
    revision = revision_of(deployment)
    return deployment, revision, freeze(deployment, revision, DEFAULTS)


def status(raw: Document, ready: int, now: str) -> Document:
    """A small status: sizes and the one condition that says whether all of them answer."""
    generation, wanted = raw["metadata"]["generation"], raw["spec"]["replicas"]
    condition = {
        "type": "Ready",
        "status": "True" if ready == wanted else "False",
        "reason": "Ready" if ready == wanted else "Waiting",
        "message": f"{ready} of {wanted} replicas answer",
        "lastTransitionTime": now,
        "observedGeneration": generation,
    }
    sizes = {"replicas": wanted, "desiredReplicas": wanted, "readyReplicas": ready}
    return {"observedGeneration": generation, **sizes, "conditions": [condition]}
