"""What a preview needs of a cluster: reads, and server-side dry runs of the object itself. Nothing is written."""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from llmfleet import names
from llmfleet.core import fleet
from llmfleet.core.goal import goal
from llmfleet.core.merge import applied, last_applied
from llmfleet.core.preview import NEW_UID
from llmfleet.core.world import Observed, Raw, observe
from llmfleet.settings import Settings
from llmfleet.shell import scalers
from llmfleet.shell.cache import Cache
from llmfleet.shell.capacity import NodeCapacity
from llmfleet.shell.clock import SystemClock
from llmfleet.shell.cluster import APPLY, ApiServer
from llmfleet.shell.errors import Conflict, FleetError, Refused
from llmfleet.shell.kinds import BY_KIND, CHILDREN, OWN, POD
from llmfleet.shell.ports import Key

KUBECTL = "kubectl"
KUBECTL_CLIENT_SIDE = "kubectl-client-side-apply"
OPERATOR_SELECTOR = "app.kubernetes.io/name=llmfleet-operator"
OPERATOR_CONTAINER = "operator"


async def online(api: ApiServer, file: Raw) -> tuple[Observed, Raw | None]:
    """The object as applying the file would make it, with its children and pods, and the object as it is now.

    Raises FleetError, a refused admission among them.
    """
    namespace, name = file["metadata"]["namespace"], file["metadata"]["name"]
    old = await api.get(OWN, namespace, name)
    raw = await _dry_run(api, file, old)
    if old is None:  # the server makes up another UID each time
        raw["metadata"]["uid"] = NEW_UID
    selector = f"{names.UID_LABEL}={raw['metadata']['uid']}"
    children = [each for kind in CHILDREN async for each in api.list(kind, namespace, selector)]
    pods, cache = [each async for each in api.list(POD, namespace, selector)], Cache()
    await scalers.look(api, (namespace,), cache)
    observed = observe(raw, children, pods, scalers=cache.scalers(Key(namespace, name)))
    if not fleet.needs_capacity(observed, goal(observed, SystemClock().rfc3339())):
        return observed, old
    room = await NodeCapacity(api, SystemClock(), is_cluster_wide=True).read()
    return replace(observed, capacity=room), old


async def _dry_run(api: ApiServer, file: Raw, old: Raw | None) -> dict[str, Any]:
    """The object as admission would store it, applied in the way it was applied before."""
    path = OWN.path(file["metadata"]["namespace"], file["metadata"]["name"])
    query = {"dryRun": "All", "fieldValidation": "Strict"}
    last = last_applied(old) if old else {}
    if old and last:
        body = {**old, "spec": applied(last.get("spec"), file["spec"], old.get("spec", {}))}
        return await api.request("PUT", path, body, fieldManager=KUBECTL_CLIENT_SIDE, **query)
    manager = _applier(old) if old else KUBECTL
    return await api.request("PATCH", path, dict(file), APPLY, fieldManager=manager, force="true", **query)


def _applier(old: Raw) -> str:
    """Whoever applied the object before; what it set and the file lacks will go."""
    entries = old["metadata"].get("managedFields") or ()
    found = [each["manager"] for each in entries if each["operation"] == "Apply" and not each.get("subresource")]
    return str(found[0]) if found else KUBECTL


async def operator_settings(api: ApiServer, namespace: str) -> Settings | None:
    """The settings of the operator that runs in a namespace; None where they cannot be read."""
    try:
        found = [each async for each in api.list(BY_KIND["Deployment"], namespace, OPERATOR_SELECTOR)]
    except Refused:
        return None
    return Settings.model_validate({"namespace": namespace, **_members(found[0])}) if found else None


def _members(deployment: Raw) -> Mapping[str, str]:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    variables = next((each.get("env", ()) for each in containers if each["name"] == OPERATOR_CONTAINER), ())
    known = {
        each["name"].removeprefix("LLMFLEET_").lower(): each["value"]
        for each in variables
        if each["name"].startswith("LLMFLEET_") and "value" in each
    }
    return {name: value for name, value in known.items() if name in Settings.model_fields}


def next_step(error: FleetError) -> str:
    """What to do about it."""
    if isinstance(error, Conflict):
        return "the object changed meanwhile; run the command again"
    status = error.status if isinstance(error, Refused) else 0
    if status == HTTPStatus.NOT_FOUND:
        return "create the namespace and install the CRD first, or plan offline with --children FILE"
    if status in (HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED):
        return (
            "planning reads the object, its children and pods, and needs create, patch and update of llmdeployments "
            "for a dry run; or plan offline with --children FILE"
        )
    if status:
        return "correct the file; nothing was changed"
    return "check KUBECONFIG and its current context, or plan offline with --children FILE"
