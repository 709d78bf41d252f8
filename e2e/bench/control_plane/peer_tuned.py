"""The peer with its obvious settings tuned: asynchronous handlers over one client, no posting, no scanning.

Kopf keeps its memory in annotations here too: the server prunes the status of our objects to its schema, so that a
memory in the status would be lost. ``python -m e2e.bench.control_plane.peer_tuned NAMESPACE`` runs it.
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import kopf
from kubernetes.aio import client
from kubernetes.aio.config import load_kube_config

from e2e.bench.control_plane import documents
from llmfleet import names

RESOURCE = (names.GROUP, names.VERSION, names.PLURAL)
TIMER_SECONDS = 30.0
APIS = {
    "ControllerRevision": (client.AppsV1Api, "controller_revision"),
    "Deployment": (client.AppsV1Api, "deployment"),
    "ConfigMap": (client.CoreV1Api, "config_map"),
    "Service": (client.CoreV1Api, "service"),
    "PodDisruptionBudget": (client.PolicyV1Api, "pod_disruption_budget"),
}


@kopf.on.startup()
async def startup(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    """Tune Kopf, and open one client for all handlers."""
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.queueing.worker_limit = 20
    # So long a worker keeps its place after its last event: with the default of 5 s only four objects a second pass.
    settings.queueing.idle_timeout = 0.1
    settings.watching.server_timeout = 300
    settings.watching.reconnect_backoff = 1.0
    settings.networking.request_timeout = 30
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(v1=False)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(v1=False)
    configuration = client.Configuration()
    await load_kube_config(client_configuration=configuration)
    configuration.client_session_kwargs = {"trust_env": False}
    memo.client = client.ApiClient(configuration)


@kopf.on.cleanup()
async def cleanup(memo: kopf.Memo, **_: Any) -> None:
    """Close the client."""
    await memo.client.close()


@kopf.on.create(*RESOURCE)
async def create(body: kopf.Body, patch: kopf.Patch, memo: kopf.Memo, **_: Any) -> None:
    """Make the children; one that is there already, of a creation that was cut off, is brought level."""
    for manifest in documents.children(dict(body)):
        try:
            await call(memo.client, "create", manifest, namespace=manifest["metadata"]["namespace"])
        except client.ApiException as error:
            if error.status != 409:
                raise
            await change(memo.client, manifest)
    patch.status.update(documents.status(dict(body), 0, now()))


@kopf.on.update(*RESOURCE, field="spec")
@kopf.on.resume(*RESOURCE)
async def update(body: kopf.Body, memo: kopf.Memo, **_: Any) -> None:
    """Bring the children level with the object; the timer sees to the status."""
    for manifest in documents.changing_children(dict(body)):
        await change(memo.client, manifest)


@kopf.timer(*RESOURCE, interval=TIMER_SECONDS)
async def refresh(body: kopf.Body, patch: kopf.Patch, memo: kopf.Memo, **_: Any) -> None:
    """Keep the status level with the children; it is written only when it changed."""
    wanted = documents.status(dict(body), await ready_replicas(memo.client, dict(body)), now())
    if meaning(dict(body.status)) != meaning(wanted):
        patch.status.update(wanted)


def meaning(status: documents.Document) -> tuple[Any, ...]:
    """What of a status is more than the time of its writing."""
    conditions = [(each["status"], each["message"]) for each in status.get("conditions", ())]
    return status.get("observedGeneration"), status.get("readyReplicas"), status.get("desiredReplicas"), conditions


async def change(api: client.ApiClient, manifest: documents.Document) -> None:
    """Patch one child."""
    metadata = manifest["metadata"]
    await call(api, "patch", manifest, namespace=metadata["namespace"], name=metadata["name"])


async def call(api: client.ApiClient, verb: str, manifest: documents.Document, **where: str) -> None:
    """One request of the typed client of the manifest's kind."""
    typed, suffix = APIS[manifest["kind"]]
    await getattr(typed(api), f"{verb}_namespaced_{suffix}")(body=manifest, **where)


async def ready_replicas(api: client.ApiClient, raw: documents.Document) -> int:
    """Ready pods, as the Deployment tells."""
    namespace, uid = raw["metadata"]["namespace"], raw["metadata"]["uid"]
    typed = client.AppsV1Api(api)
    found = await typed.list_namespaced_deployment(namespace, label_selector=f"{names.UID_LABEL}={uid}")
    return sum(each.status.ready_replicas or 0 for each in found.items)


def now() -> str:
    """The present, as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251 because an operator has a clock


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    kopf.run(standalone=True, namespaces=[sys.argv[1]])
