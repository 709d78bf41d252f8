"""What is read of a watched object: all that the operator looks at, and nothing that it would throw away."""

import json
from typing import Any

import pytest

from llmfleet.shell.held import Held
from llmfleet.shell.kinds import CHILDREN
from llmfleet.shell.wire import event, watched
from tests.builders import children, deployment, merged, pod

OWN = deployment()
MANAGED = {"metadata": {"managedFields": [{"manager": "somebody", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]}}
KEPT = {"spec": {"nodeName": "a"}, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
MADE_FROM = {"spec": {"containers": [{"name": "engine"}], "nodeName": "a"}}
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "facts", "uid": "u", "resourceVersion": "7", "finalizers": ["orphan"], "generation": 1},
    "spec": {"backoffLimit": 0, "template": {"metadata": {"creationTimestamp": None}}},
    "status": {"conditions": []},
}


def text(raw: Any) -> bytes:
    return json.dumps(raw).encode()


def held(raw: Any) -> Any:
    """What is kept of an object."""
    return Held.of(raw).raw


@pytest.mark.parametrize("raw", [*children(OWN), JOB], ids=lambda raw: f"{raw['kind']} {raw['metadata']['name']}")
def test_of_a_child_all_is_read_but_who_wrote_which_field(raw: dict[str, Any]) -> None:
    assert raw["kind"] in {each.kind for each in CHILDREN}
    sent = merged(raw, MANAGED)
    told = event(raw["kind"], text({"type": "MODIFIED", "object": sent}))
    assert told["type"] == "MODIFIED"
    assert held(told["object"]) == held(watched(raw["kind"], text(sent))) == held(raw)


def test_of_an_object_of_ours_all_is_read_but_who_wrote_which_field() -> None:
    sent = text(merged(OWN, MANAGED))
    assert watched(OWN["kind"], sent) == event(OWN["kind"], b'{"type":"ADDED","object":%b}' % sent)["object"] == OWN


def test_of_a_pod_its_node_and_all_of_its_status_is_read() -> None:
    raw = merged(pod("a1"), KEPT)
    sent = merged(merged(raw, MANAGED), MADE_FROM)
    found = event("Pod", text({"type": "ADDED", "object": sent}))["object"]
    assert found["spec"] == {"nodeName": "a"}
    assert held(found) == held(sent)


def test_a_bookmark_is_its_version() -> None:
    metadata = {"resourceVersion": "9", "creationTimestamp": None}
    sent = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": metadata}}
    assert event("Pod", text(sent)) == sent


@pytest.mark.parametrize("kind", ["Pod", "Service"])
def test_an_error_is_read_whole(kind: str) -> None:
    status = {"kind": "Status", "status": "Failure", "code": 410, "message": "too old", "details": {"a": 1}}
    sent = {"type": "ERROR", "object": status}
    assert event(kind, text(sent)) == sent


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b'{"type": "ADDED"}', b'{"type": 1, "object": {}}', b'{"type": "ADDED", "object": []}', b"\xff"],
)
def test_what_is_no_event_is_no_object_either(line: bytes) -> None:
    with pytest.raises(ValueError, match="not what a server writes"):
        event("Service", line)
    with pytest.raises(ValueError, match="not what a server writes"):
        watched("Service", b"[" + line)


def test_what_is_no_part_of_an_object_is_not_kept() -> None:
    with pytest.raises(TypeError):
        Held.of(merged(OWN, {"spec": object()}))
