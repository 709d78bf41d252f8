"""The pods of our Jobs on nodes that kwok plays: they end with the findings and results that a test has laid ready.

Without any, whatever kwok says of them is refused, and they are held. On a real node the container says so itself.
"""

import json
import time
from typing import Any

from e2e.cluster import Cluster
from llmfleet import names
from llmfleet_runtime.contract import Findings, Production
from tests.builders import Raw
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually

_POLICY, _LAID_READY = "llmfleet-tests-inspectors", "findings"
_API = "admissionregistration.k8s.io/v1"
_ENDED = (
    "request.userInfo.username == 'system:kwok' && has(object.status.containerStatuses) && "
    "object.status.containerStatuses.exists(each, has(each.state.terminated))"
)
_MESSAGE = "/status/containerStatuses/0/state/terminated/message"


def play(cluster: Cluster) -> None:
    """Have the API server see to it; kept for the next session."""
    cluster.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": _policy()}))


def _policy() -> list[dict[str, Any]]:
    statuses = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods/status"]}
    laid = f"params.data[object.metadata.labels['{names.APP_NAME_LABEL}']]"
    mutation = f"[JSONPatch{{op: 'add', path: '{_MESSAGE}', value: {laid}}}]"
    ours = {"key": names.APP_NAME_LABEL, "operator": "In", "values": [names.INSPECTION_NAME, names.QUANTIZING_NAME]}
    policy = {
        "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "matchConstraints": {"resourceRules": [statuses], "objectSelector": {"matchExpressions": [ours]}},
        "matchConditions": [{"name": "ended", "expression": _ENDED}],
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": mutation}}],
        "reinvocationPolicy": "Never",
    }
    binding = {"policyName": _POLICY, "paramRef": {"name": _LAID_READY, "parameterNotFoundAction": "Deny"}}
    return [
        {"apiVersion": _API, "kind": kind, "metadata": {"name": _POLICY}, "spec": spec}
        for kind, spec in (("MutatingAdmissionPolicy", policy), ("MutatingAdmissionPolicyBinding", binding))
    ]


def lay_ready(fleet: Fleet, found: Findings, made: Production | None = None) -> None:
    """What inspections in this namespace will find, and what is made there; without, its makers are held."""
    results = {names.INSPECTION_NAME: found.to_json()} | ({names.QUANTIZING_NAME: made.to_json()} if made else {})
    document = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": _LAID_READY}}
    fleet.kubectl("apply", "-f", "-", document=document | {"data": results})


def present(fleet: Fleet, app: str = names.INSPECTION_NAME) -> list[Raw]:
    """Pods of inspections, or of other Jobs, that nobody has taken away."""
    selector = f"{names.APP_NAME_LABEL}={app}"
    found = json.loads(fleet.kubectl("get", "pods", "-l", selector, "-o", "json"))["items"]
    return [each for each in found if "deletionTimestamp" not in each["metadata"]]


def answer(fleet: Fleet, found: Findings, made: Production | None = None) -> None:
    """Have one that is held end with these findings, or with what was made."""
    app = names.QUANTIZING_NAME if made else names.INSPECTION_NAME
    (pod,) = eventually(lambda: present(fleet, app), lambda pods: len(pods) == 1)
    lay_ready(fleet, found, made)

    def ended() -> bool:
        """Kwok tries anew what was refused once something of the pod has changed."""
        mark = f"tests/looked-at={time.monotonic()}"
        fleet.kubectl("annotate", "pod", pod["metadata"]["name"], mark, "--overwrite")
        return all(each["status"]["phase"] == "Succeeded" for each in present(fleet, app))

    eventually(ended, bool)
