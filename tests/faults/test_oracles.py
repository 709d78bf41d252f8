"""The oracles see what differs, and nothing that may."""

from typing import Any

import pytest

from llmfleet import names
from tests.builders import merged
from tests.faults import oracles
from tests.faults.proxy import Exchange
from tests.faults.rules import Request

Raw = dict[str, Any]
UID, REVISION = "11111111-aaaa-4bbb-8ccc-000000000001", "0123456789"
ANOTHER_UID, ANOTHER_REVISION = "22222222-aaaa-4bbb-8ccc-000000000002", "9876543210"


def world(uid: str = UID, revision: str = REVISION, namespace: str = "fleet-1", time: str = "12:00:00") -> list[Raw]:
    """An LLMDeployment, its record and its Deployment, as the server shows them."""

    def child(kind: str, name: str, **rest: Any) -> Raw:
        labels = names.managed_labels("qwen", uid) | {names.REVISION_LABEL: revision}
        metadata = {"name": name, "namespace": namespace, "labels": labels, "uid": f"of-{uid}", "resourceVersion": uid}
        metadata |= {"annotations": {names.INTENT_ANNOTATION: uid, "deployment.kubernetes.io/revision": uid}}
        return {"kind": kind, "metadata": metadata, **rest}

    status = {
        "revision": revision,
        "observedGeneration": 1,
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": f"2026-11-21T{time}Z"}],
        "problems": [{"reason": "x", "examplePod": f"qwen-{revision}-{uid[:8]}-abcde"}],
    }
    metadata = {"name": "qwen", "namespace": namespace, "uid": uid, "generation": 1}
    return [
        {"kind": names.KIND, "metadata": metadata, "spec": {"replicas": 2}, "status": status},
        child("ControllerRevision", f"qwen-{revision}", revision=1, data={"generation": 1}),
        child(
            "Deployment",
            f"qwen-{revision}",
            spec={"replicas": 2, "selector": {names.UID_LABEL: uid}},
            status={"replicas": 2, "observedGeneration": len(uid), "conditions": [{"x": time}]},
        ),
        child("Service", "qwen", spec={"clusterIP": f"198.19.0.{len(time)}", "ports": [80]}),
    ]


def state(objects: list[Raw]) -> oracles.State:
    return oracles.end_state(objects, oracles.revision_numbers(objects))


def test_two_equal_runs_end_alike() -> None:
    assert state(world()) == state(world(ANOTHER_UID, ANOTHER_REVISION, "fleet-2", "13:11:00"))


def test_the_order_of_revisions_says_nothing() -> None:
    listed = [{"name": REVISION, "replicas": 2}, {"name": ANOTHER_REVISION, "replicas": 0}]
    (owner, *children) = world()
    one, other = (merged(owner, {"status": {"revisions": each}}) for each in (listed, listed[::-1]))
    assert state([one, *children]) == state([other, *children])


DIFFERENCES = [
    (0, {"spec": {"replicas": 3}}),
    (0, {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}),
    (0, {"metadata": {"finalizers": ["x"]}}),
    (1, {"revision": 2}),
    (2, {"spec": {"replicas": 3}}),
    (2, {"spec": {"selector": {names.UID_LABEL: ANOTHER_UID}}}),
    (2, {"status": {"replicas": 1}}),
    (2, {"metadata": {"annotations": {names.LIVE_ANNOTATION: "1"}}}),
    (2, {"metadata": {"name": f"qwen-{ANOTHER_REVISION}"}}),
    (3, {"spec": {"ports": [81]}}),
]


@pytest.mark.parametrize(("index", "difference"), DIFFERENCES, ids=str)
def test_a_different_end_is_seen(index: int, difference: Raw) -> None:
    objects = world()
    objects[index] = merged(objects[index], difference)
    assert state(objects) != state(world())


def test_a_child_too_many_or_too_few_is_seen() -> None:
    assert state(world()[:-1]) != state(world())


def test_differences_are_told_by_where_they_are() -> None:
    expected = {"a": {"b": [1, {"c": 2}]}, "gone": 1}
    found = {"a": {"b": [1, {"c": 3}]}, "new": 1}
    assert oracles.differences(expected, expected) == []
    assert oracles.differences(expected, found) == [
        ".a.b[1].c: 3 instead of 2", ".gone: None instead of 1", ".new: 1 instead of None"
    ]  # fmt: skip


def later(objects: list[Raw]) -> list[Raw]:
    """The same spec, reached by way of another."""
    owner, record, deployment, service = objects
    owner = merged(owner, {"metadata": {"generation": 3}, "status": {"observedGeneration": 3}})
    record = merged(record, {"revision": 2, "data": {"generation": 3}})
    past = world(revision=ANOTHER_REVISION)[1:3]
    return [owner, record, deployment, service, *past]


def test_the_way_to_a_spec_is_left_out_of_the_present() -> None:
    assert oracles.present_state(later(world())) == oracles.present_state(world())


def test_a_different_present_is_seen_whatever_the_way() -> None:
    wrong = later(world())
    wrong[2] = merged(wrong[2], {"spec": {"replicas": 1}})
    assert oracles.present_state(wrong) != oracles.present_state(world())


def test_the_number_of_the_live_document_is_the_way_and_its_words_are_the_end() -> None:
    def live(text: str) -> list[Raw]:
        config = {"kind": "ConfigMap", "metadata": {"name": "qwen-live"}, "data": {"live.json": text}}
        return [*world(), config]

    first, second = '{"number": 1, "seconds": 5}', '{"number": 12, "seconds": 5}'
    assert oracles.present_state(live(first)) == oracles.present_state(live(second))
    assert oracles.present_state(live(first)) != oracles.present_state(live('{"number": 1, "seconds": 6}'))


def exchange(verb: str, resource: str, name: str, code: int, *, forwarded: bool = True, body: Any = None) -> Exchange:
    return Exchange(Request(verb, resource, "ns", name), code, 0.0, body, forwarded)


def test_what_was_made_and_deleted_is_counted_by_name() -> None:
    exchanges = [
        exchange("patch", "deployments", f"qwen-{REVISION}", 201),
        exchange("patch", "deployments", f"qwen-{REVISION}", 200),
        exchange("delete", "deployments", f"qwen-{REVISION}", 200),
        exchange("delete", "services", "qwen", 404),
        exchange("patch", "services", "qwen", 0, forwarded=False),
        exchange("create", "events", "qwen.", 201),
        exchange("create", "leases", "llmfleet", 201),
        exchange("get", "services", "qwen", 200),
    ]
    assert oracles.makes_and_deletes(exchanges, {REVISION: 1}) == {
        "create deployments/qwen-<revision 1>": 1,
        "delete deployments/qwen-<revision 1>": 1,
    }


def test_writes_are_what_the_server_got_but_the_lease() -> None:
    exchanges = [
        exchange("update", "leases", "llmfleet", 200),
        exchange("get", "pods", "a", 200),
        exchange("patch", "services", "qwen", 0, forwarded=False),
        exchange("patch", "services", "qwen", 409),
    ]
    assert oracles.writes(exchanges) == exchanges[-1:]


def test_revisions_are_found_in_the_writes_that_made_them() -> None:
    record = world()[1]
    exchanges = [
        exchange("patch", "controllerrevisions", "qwen-x", 201, body=record),
        exchange("delete", "controllerrevisions", "qwen-x", 200, body={"preconditions": {}}),
    ]
    assert oracles.seen_revisions(exchanges) == {REVISION: 1}


def test_a_trace_in_the_log_is_a_defect_and_a_warning_is_none() -> None:
    trace = '{"level": "ERROR", "message": "a defect", "exc_info": "Traceback (most recent call last): …"}'
    assert oracles.defects(f'{{"level": "WARNING", "message": "503"}}\n{trace}\n') == [trace]


def test_what_is_left_of_a_deleted_object_is_named() -> None:
    assert oracles.left_over(world(), UID) == ["ControllerRevision/qwen-0123456789", "Deployment/qwen-0123456789",
                                               "Service/qwen"]  # fmt: skip
    assert oracles.left_over(world(), ANOTHER_UID) == []
