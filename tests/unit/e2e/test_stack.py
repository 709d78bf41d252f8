"""The parts of the stack that need no cluster."""

import json
from pathlib import Path

import pytest

from e2e.stack import chart, sample
from e2e.stack.audit import AuditLog
from e2e.stack.fleet import condition, is_settled
from e2e.stack.kubectl import Kubectl, parse_stream
from e2e.stack.sample import merged

OPERATOR = "system:serviceaccount:llmfleet-system:llmfleet"


def audited(verb: str, resource: str, *, user: str = OPERATOR, stage: str = "ResponseComplete", sub: str = "") -> str:
    target = {"resource": resource, "name": "x", "namespace": "n"} | ({"subresource": sub} if sub else {})
    event = {"stage": stage, "verb": verb, "user": {"username": user}, "objectRef": target}
    return json.dumps(event | {"responseStatus": {"code": 200}}) + "\n"


def test_writes_are_counted_by_user_after_a_position_without_the_lease(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    assert log.end() == 0
    log.path.write_text(audited("patch", "deployments"))
    position = log.end()
    with log.path.open("a") as file:
        file.write(audited("get", "pods"))
        file.write(audited("update", "leases"))
        file.write(audited("patch", "llmdeployments", sub="status"))
        file.write(audited("patch", "llmdeployments", stage="RequestReceived"))
        file.write(audited("delete", "pods", user="somebody"))
        file.write(audited("create", "services")[:-20])
    assert [str(write) for write in log.writes(position, OPERATOR)] == ["patch llmdeployments/x/status → 200"]
    assert len(log.since(0, OPERATOR)) == 4


def test_a_rotated_log_is_read_from_its_start(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    log.path.write_text(audited("patch", "deployments"))
    assert len(log.writes(10**9, OPERATOR)) == 1


def test_an_event_without_a_target_is_no_reason_to_stop(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    log.path.write_text(json.dumps({"stage": "ResponseComplete", "verb": "get", "user": {}}) + "\n")
    assert len(log.since(0, "")) == 1


def test_watched_documents_are_told_apart() -> None:
    first, second = {"a": {"b": "}"}}, {"c": [1, {"d": 2}]}
    lines = [f"{line}\n" for document in (first, second) for line in json.dumps(document, indent=4).splitlines()]
    assert list(parse_stream(lines)) == [first, second]


def test_a_command_names_namespace_and_context() -> None:
    kubectl = Kubectl(context="mine").inside("team")
    assert kubectl.command("get", "pods") == ["kubectl", "--namespace", "team", "--context", "mine", "get", "pods"]


def test_a_tag_of_digits_stays_a_text_and_a_number_a_number() -> None:
    given = ["--set-string", "image.tag=1630957", "--set", "settings.relistSeconds=60"]
    assert chart.chosen({"image.tag": "1630957", "settings.relistSeconds": 60}) == given


def test_a_sample_is_changed_by_merging() -> None:
    changed = sample("other", engine={"maxConcurrency": 9}, autoscaling=None, replicas=2)
    assert changed["metadata"]["name"] == "other"
    assert changed["spec"]["engine"] == {"maxConcurrency": 9, "maxModelLen": 1024}
    assert "autoscaling" not in changed["spec"]
    assert sample()["spec"]["engine"]["maxConcurrency"] == 2


def test_a_merge_does_not_change_what_it_is_given() -> None:
    below = {"a": {"b": 1}}
    assert merged(below, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    assert below == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("observed", "ready", "reconciling", "settled"),
    [(2, "True", "False", True), (1, "True", "False", False), (2, "False", "False", False), (2, "True", "True", False)],
)
def test_a_fleet_is_settled_only_in_the_present_generation(
    observed: int, ready: str, reconciling: str, *, settled: bool
) -> None:
    conditions = [{"type": "Ready", "status": ready}, {"type": "Reconciling", "status": reconciling}]
    fleet = {"metadata": {"generation": 2}, "status": {"observedGeneration": observed, "conditions": conditions}}
    assert is_settled(fleet) is settled


def test_a_condition_that_is_not_there_yet_is_unknown() -> None:
    assert condition({"metadata": {}}, "Ready")["status"] == "Unknown"
