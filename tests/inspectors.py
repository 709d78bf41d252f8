"""The pods of inspection Jobs on nodes that kwok plays: they end with the findings that a test has laid ready.

Without any they run on, until a test says itself how one ends. A kubelet would do either by the container's own words.
"""

import json
from typing import Any

from e2e.cluster import Cluster
from llmfleet import names
from llmfleet_runtime.contract import Findings
from tests.builders import Raw
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually

LABELS = {names.APP_NAME_LABEL: names.INSPECTION_NAME}
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
    mutation = f"[JSONPatch{{op: 'add', path: '{_MESSAGE}', value: params.data.findings}}]"
    policy = {
        "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "matchConstraints": {"resourceRules": [statuses], "objectSelector": {"matchLabels": LABELS}},
        "matchConditions": [{"name": "ended", "expression": _ENDED}],
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": mutation}}],
        "reinvocationPolicy": "Never",
    }
    binding = {"policyName": _POLICY, "paramRef": {"name": _LAID_READY, "parameterNotFoundAction": "Deny"}}
    return [
        {"apiVersion": _API, "kind": kind, "metadata": {"name": _POLICY}, "spec": spec}
        for kind, spec in (("MutatingAdmissionPolicy", policy), ("MutatingAdmissionPolicyBinding", binding))
    ]


def lay_ready(fleet: Fleet, found: Findings) -> None:
    """What inspections in this namespace will find."""
    document = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": _LAID_READY}}
    fleet.kubectl("apply", "-f", "-", document=document | {"data": {"findings": found.to_json()}})


def present(fleet: Fleet) -> list[Raw]:
    """Pods of inspections that nobody has taken away."""
    selector = ",".join(f"{key}={value}" for key, value in LABELS.items())
    found = json.loads(fleet.kubectl("get", "pods", "-l", selector, "-o", "json"))["items"]
    return [each for each in found if "deletionTimestamp" not in each["metadata"]]


def answer(fleet: Fleet, found: Findings) -> None:
    """The one that runs ends with these findings."""
    (pod,) = eventually(lambda: present(fleet), lambda pods: [each["status"]["phase"] for each in pods] == ["Running"])
    ended = {"exitCode": 0, "finishedAt": pod["metadata"]["creationTimestamp"], "message": found.to_json()}
    container = {
        "name": names.INSPECTION_CONTAINER, "image": "x", "imageID": "x", "ready": False, "restartCount": 0,
        "state": {"terminated": ended},
    }  # fmt: skip
    status = {"status": {"phase": "Succeeded", "containerStatuses": [container]}}
    fleet.kubectl("patch", "pod", pod["metadata"]["name"], "--subresource=status", "-p", json.dumps(status))
