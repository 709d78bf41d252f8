"""The peer: an operator written the way Kopf's tutorial does, with Kopf's default settings.

Handlers for creation, update, resumption and deletion, a timer for the status, the synchronous client of Kubernetes.
It makes the same children as llmfleet. ``python -m e2e.bench.control_plane.peer NAMESPACE`` runs it.
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import kopf
import kubernetes

from e2e.bench.control_plane import documents
from llmfleet import names

RESOURCE = (names.GROUP, names.VERSION, names.PLURAL)
TIMER_SECONDS = 30.0
APIS = {
    "ControllerRevision": ("AppsV1Api", "controller_revision"),
    "Deployment": ("AppsV1Api", "deployment"),
    "ConfigMap": ("CoreV1Api", "config_map"),
    "Service": ("CoreV1Api", "service"),
    "PodDisruptionBudget": ("PolicyV1Api", "pod_disruption_budget"),
}


@kopf.on.startup()
def startup(**_: Any) -> None:
    """Find the cluster."""
    kubernetes.config.load_kube_config()


@kopf.on.create(*RESOURCE)
def create(body: kopf.Body, patch: kopf.Patch, **_: Any) -> None:
    """Make the children; one that is there already, of a creation that was cut off, is brought level."""
    for manifest in documents.children(dict(body)):
        try:
            call("create", manifest, namespace=manifest["metadata"]["namespace"])
        except kubernetes.client.ApiException as error:
            if error.status != 409:
                raise
            change(manifest)
    patch.status.update(documents.status(dict(body), 0, now()))


@kopf.on.update(*RESOURCE)
@kopf.on.resume(*RESOURCE)
def update(body: kopf.Body, patch: kopf.Patch, **_: Any) -> None:
    """Bring the children level with the object."""
    for manifest in documents.changing_children(dict(body)):
        change(manifest)
    patch.status.update(documents.status(dict(body), ready_replicas(dict(body)), now()))


@kopf.on.delete(*RESOURCE, optional=True)
def delete(name: str | None, logger: kopf.Logger, **_: Any) -> None:
    """The children go by their owner references."""
    logger.info("%s is deleted", name)


@kopf.timer(*RESOURCE, interval=TIMER_SECONDS)
def refresh(body: kopf.Body, patch: kopf.Patch, **_: Any) -> None:
    """Keep the status level with the children."""
    patch.status.update(documents.status(dict(body), ready_replicas(dict(body)), now()))


def change(manifest: documents.Document) -> None:
    """Patch one child."""
    metadata = manifest["metadata"]
    call("patch", manifest, namespace=metadata["namespace"], name=metadata["name"])


def call(verb: str, manifest: documents.Document, **where: str) -> Any:
    """One request of the typed client of the manifest's kind."""
    api, suffix = APIS[manifest["kind"]]
    return getattr(getattr(kubernetes.client, api)(), f"{verb}_namespaced_{suffix}")(body=manifest, **where)


def ready_replicas(raw: documents.Document) -> int:
    """Ready pods, as the Deployment tells."""
    namespace, uid = raw["metadata"]["namespace"], raw["metadata"]["uid"]
    api = kubernetes.client.AppsV1Api()
    found = api.list_namespaced_deployment(namespace, label_selector=f"{names.UID_LABEL}={uid}")
    return sum(each.status.ready_replicas or 0 for each in found.items)


def now() -> str:
    """The present, as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251 because an operator has a clock


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    kopf.run(standalone=True, namespaces=[sys.argv[1]])
