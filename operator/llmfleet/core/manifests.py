"""The children of one LLMDeployment as manifests: owned, labelled, and stamped with the hash of their intent."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from llmfleet import names
from llmfleet.api.access import Access, Peer
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core.inspector import inspection_values, quantizing_values
from llmfleet.core.render import render
from llmfleet.core.template import Defaults, Frozen, selector
from llmfleet_runtime.contract import ENGINE_FILE, LIVE_FILE, SERVING_PORT, STATUS_PORT, LiveConfig, Order

Manifest = Mapping[str, Any]
"""Shared by all who ask for it; nobody changes it."""
PROGRESS_MARGIN_SECONDS = 600


def service(deployment: LLMDeployment) -> Manifest:
    """The ClusterIP Service that every ready pod of the fleet stands behind."""
    values = {"port": deployment.spec.service.port, "selector": selector(deployment.uid)}
    annotations = dict(deployment.spec.service.annotations or {})
    return _made("service", values | _metadata(deployment, deployment.name, annotations=annotations))


def budget(deployment: LLMDeployment, min_available: int) -> Manifest:
    """The disruption budget over the serving pods."""
    values = {"min_available": min_available, "selector": selector(deployment.uid)}
    return _made("budget", values | _metadata(deployment, deployment.name))


def network_policy(deployment: LLMDeployment, access: Access, status_namespaces: tuple[str, ...]) -> Manifest:
    """Who may reach the pods: the serving port for the clients given, the status port for these namespaces.

    The kubelet's probes need no rule: traffic from a pod's own node is always allowed (Kubernetes, "Network Policies").
    """
    values = {
        "selector": selector(deployment.uid),
        "clients": [_peer(each) for each in access.sources],
        "observers": [{"namespaceSelector": _labelled({names.NAMESPACE_LABEL: each})} for each in status_namespaces],
        "serving_port": SERVING_PORT,
        "status_port": STATUS_PORT,
    }
    return _made("networkpolicy", values | _metadata(deployment, deployment.name))


def _peer(peer: Peer) -> dict[str, Any]:
    selectors = {"namespaceSelector": peer.namespace_labels, "podSelector": peer.pod_labels}
    return {member: _labelled(labels) for member, labels in selectors.items() if labels is not None}


def _labelled(labels: Mapping[str, str]) -> dict[str, Any]:
    """A label selector as the server writes it: one without labels is empty."""
    return {"matchLabels": dict(labels)} if labels else {}


def live_config(deployment: LLMDeployment, live: LiveConfig) -> Manifest:
    """The live document, which running pods follow."""
    values = {"immutable": False, "data": {LIVE_FILE: live.to_json()}}
    return _made("configmap", values | _metadata(deployment, names.live_name(deployment.name)))


def controller_revision(deployment: LLMDeployment, revision: str, number: int, frozen: Frozen) -> Manifest:
    """The frozen revision; Kubernetes keeps its data immutable."""
    data = {
        "template": frozen.template,
        "engine": frozen.engine_json,
        "image": frozen.image,
        "generation": frozen.generation,
        "madeBy": frozen.made_by,
    } | ({"model": dict(frozen.model)} if frozen.model else {})
    return _made("controllerrevision", {"number": number, "data": data} | _of(deployment, revision))


def frozen_of(raw: Mapping[str, Any]) -> Frozen:
    """Read a revision back out of its ControllerRevision; KeyError when it is not one of ours."""
    data = raw["data"]
    return Frozen(
        template=data["template"],
        engine_json=data["engine"],
        image=data["image"],
        generation=data["generation"],
        made_by=data.get("madeBy", ""),
        model=data.get("model") or {},
    )


def inspection_job(deployment: LLMDeployment, revision: str, defaults: Defaults) -> Manifest:
    """The Job that reads the model of a revision."""
    metadata = _metadata(deployment, names.facts_name(deployment.name, revision), {names.REVISION_LABEL: revision})
    return _made("job", inspection_values(deployment, defaults) | metadata)


def quantizing_job(
    deployment: LLMDeployment, revision: str, order: Order, memory_bytes: int, defaults: Defaults
) -> Manifest:
    """The Job that makes the checkpoint of a revision."""
    metadata = _metadata(deployment, names.checkpoint_name(deployment.name, revision), {names.REVISION_LABEL: revision})
    return _made("job", quantizing_values(deployment, order, memory_bytes, defaults) | metadata)


def engine_config_map(deployment: LLMDeployment, revision: str, frozen: Frozen) -> Manifest:
    """The engine document of one revision."""
    values = {"immutable": True, "data": {ENGINE_FILE: frozen.engine_json}}
    return _made("configmap", values | _of(deployment, revision))


def fleet(deployment: LLMDeployment, revision: str, frozen: Frozen, replicas: int) -> Manifest:
    """The Deployment of one revision. Its template never changes; only its size does."""
    startup = orjson.loads(frozen.engine_json)["startupTimeoutSeconds"]
    values = {
        "replicas": replicas,
        "progress_deadline_seconds": int(startup) + PROGRESS_MARGIN_SECONDS,
        "selector": selector(deployment.uid, revision),
        "template": frozen.template,
    }
    return _made("deployment", values | _of(deployment, revision))


def _of(deployment: LLMDeployment, revision: str) -> dict[str, Any]:
    return _metadata(deployment, names.revision_name(deployment.name, revision), {names.REVISION_LABEL: revision})


def _metadata(
    deployment: LLMDeployment,
    name: str,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    owner = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": deployment.name,
        "uid": deployment.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata = {
        "name": name,
        "namespace": deployment.namespace,
        "labels": names.managed_labels(deployment.name, deployment.uid) | dict(labels or {}),
        "annotations": dict(annotations or {}),
        "ownerReferences": [owner],
    }
    return {"metadata": metadata}


MOST_KEPT_BYTES = 16 * 1024
"""Larger manifests are made anew each time: a thousand of the largest would take gigabytes."""


def _made(template: str, values: Mapping[str, Any]) -> Manifest:
    written = orjson.dumps(values)
    return _kept(template, written) if len(written) <= MOST_KEPT_BYTES else _stamped(template, written)


@lru_cache(maxsize=1024)
def _kept(template: str, values: bytes) -> Manifest:
    """Made once, for the passes of a fleet that changes ask for the same again and again."""
    return _stamped(template, values)


def _stamped(template: str, values: bytes) -> Manifest:
    """The manifest with the hash of itself, so that intent can be compared with intent."""
    manifest = render(template, orjson.loads(values))
    digest = hashlib.sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    manifest["metadata"]["annotations"][names.INTENT_ANNOTATION] = digest
    return manifest


def is_current(manifest: Manifest, live: Mapping[str, Any]) -> bool:
    """Whether the live object carries this intent and still says what it asked for.

    The second half finds an edit by hand: each member we set must read as we set it (the server only adds),
    and a selector must be ours alone: one label more and it selects nothing.
    """
    intended = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind", "metadata")}
    stamp = manifest["metadata"]["annotations"][names.INTENT_ANNOTATION]
    annotations = live["metadata"].get("annotations") or {}
    return annotations.get(names.INTENT_ANNOTATION) == stamp and _within(intended, live)


_EXACT = frozenset({"selector", "podSelector", "ingress"})
"""Members to which an addition changes what they select or let in."""
NORMALISED = frozenset({"resources", "sizeLimit"})
"""Members with quantities, which the server writes in its own way."""


def _within(intended: Any, live: Any) -> bool:
    if intended == live:
        return True
    if isinstance(intended, dict):
        return isinstance(live, dict) and all(
            value == live.get(key) if key in _EXACT else _within(value, live.get(key))
            for key, value in intended.items()
            if key not in NORMALISED
        )
    if isinstance(intended, list):
        same_length = isinstance(live, list) and len(intended) == len(live)
        return same_length and all(_within(ours, theirs) for ours, theirs in zip(intended, live, strict=True))
    return bool(intended == "" and live is None)  # the server leaves empty texts out
