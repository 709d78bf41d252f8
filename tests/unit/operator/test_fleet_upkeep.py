"""What a fleet does beside its size: live documents, edits by hand, pruning."""

import copy
import json

import pytest

from llmfleet import names
from llmfleet.core.fleet import plan
from llmfleet.core.plan import Action, Annotate, Apply, Delete, Ref
from llmfleet.core.world import Observed
from tests import builders
from tests.builders import (
    DEFAULTS,
    NOW,
    Raw,
    annotated,
    children,
    deployment,
    look,
    merged,
    pod,
    ready,
    report,
    revision,
    starting,
    with_spec,
)

ONE = deployment(with_spec(replicas=1))
TWO = deployment(with_spec(replicas=2))
PORT = {"name": "http", "port": 8000, "targetPort": "http", "protocol": "TCP"}
SHORT = deployment(with_spec(replicas=1, lifecycle={"drainTimeoutSeconds": 5}))


def actions(observed: Observed) -> tuple[Action, ...]:
    return plan(observed, DEFAULTS, NOW).actions


def version(number: int) -> Raw:
    return deployment(with_spec(engine={"maxModelLen": 1000 + number}))


def running(raw: Raw, live_number: int, *modifiers) -> Observed:
    """A settled fleet of ONE's children whose pod runs on this live document."""
    one = pod(revision(raw), ready(), *modifiers)
    return look(raw, children(ONE), [one], {one["metadata"]["uid"]: report(live_number=live_number)})


def test_a_new_drain_time_makes_the_next_live_document_and_nothing_else() -> None:
    found = actions(running(SHORT, 1))
    assert [str(each.ref) for each in found] == ["ConfigMap/qwen-live"]
    assert isinstance(found[0], Apply)
    assert json.loads(found[0].manifest["data"]["live.json"]) == {
        "version": 1, "number": 2, "drainTimeoutSeconds": 5.0
    }  # fmt: skip


def test_a_pod_on_an_older_live_document_is_touched() -> None:
    (touch,) = actions(running(ONE, 0))
    assert isinstance(touch, Annotate)
    assert dict(touch.annotations) == {names.LIVE_ANNOTATION: "1"}
    assert touch.uid == running(ONE, 0).pods[0].uid


def test_a_pod_is_touched_once() -> None:
    assert actions(running(ONE, 0, annotated({names.LIVE_ANNOTATION: "1"}))) == ()


def test_a_pod_that_does_not_answer_is_not_touched() -> None:
    assert actions(look(ONE, children(ONE), [pod(revision(ONE), ready())])) == ()


def test_a_leaving_pod_is_not_touched() -> None:
    assert actions(running(ONE, 0, builders.being_deleted())) == ()


@pytest.mark.parametrize("text", ["", "{", '{"number": "x"}'])
def test_a_spoilt_live_document_is_written_anew(text: str) -> None:
    spoilt = {"data": {"live.json": text}}
    made = [merged(each, spoilt) if each["metadata"]["name"] == "qwen-live" else each for each in children(ONE)]
    found = actions(look(ONE, made, [pod(revision(ONE), ready())]))
    assert [str(each.ref) for each in found] == ["ConfigMap/qwen-live"]


@pytest.mark.proves("R08", "F22")
@pytest.mark.parametrize(
    ("kind", "edit"),
    [
        ("Deployment", {"spec": {"replicas": 0}}),
        ("Deployment", {"spec": {"replicas": 9}}),
        ("Deployment", {"spec": {"template": {"spec": {"containers": [{"name": "engine", "image": "mine:1"}]}}}}),
        ("Deployment", {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}),
        ("Service", {"spec": {"ports": [{**PORT, "port": 1}]}}),
        ("Service", {"spec": {"ports": [PORT, {**PORT, "name": "more", "port": 1}]}}),
        ("Service", {"spec": {"selector": {"app": "mine"}}}),
        ("Service", {"spec": {"type": "LoadBalancer"}}),
        ("Service", {"metadata": {"annotations": {names.INTENT_ANNOTATION: "0"}}}),
        ("PodDisruptionBudget", {"spec": {"minAvailable": 9}}),
    ],
)
def test_an_edit_by_hand_is_put_back(kind: str, edit: Raw) -> None:
    raw = deployment(with_spec(replicas=2))
    made = [merged(each, edit) if each["kind"] == kind else each for each in children(raw, 2)]
    found = actions(look(raw, made, [pod(revision(raw), ready(), name=name) for name in "ab"]))
    assert [each.ref.kind for each in found if isinstance(each, Apply)] == [kind]


@pytest.mark.proves("R08", "F21")
@pytest.mark.parametrize("gone", children(TWO, 2)[1:], ids=lambda raw: f"{raw['kind']} {raw['metadata']['name']}")
def test_a_child_deleted_by_hand_is_made_again(gone: Raw) -> None:
    kept = [each for each in children(TWO, 2) if each != gone]
    found = actions(look(TWO, kept, [pod(revision(TWO), ready(), name=name) for name in "ab"]))
    assert [(type(each), each.ref) for each in found] == [(Apply, Ref(gone["kind"], gone["metadata"]["name"]))]


@pytest.mark.proves("R08", "R02")
@pytest.mark.parametrize(
    ("kind", "edit"),
    [
        ("Service", {"spec": {"clusterIP": "10.1.2.3", "sessionAffinity": "None", "ipFamilies": ["IPv4"]}}),
        ("Service", {"spec": {"ports": [{**PORT, "nodePort": 3}]}}),
        ("Deployment", {"spec": {"paused": False, "template": {"spec": {"dnsPolicy": "ClusterFirst"}}}}),
        ("Deployment", {"metadata": {"annotations": {"deployment.kubernetes.io/revision": "1"}}, "status": {"x": 1}}),
        ("ConfigMap", {"metadata": {"labels": {"added": "yes"}}}),
    ],
)  # fmt: skip
def test_what_the_server_adds_is_no_edit(kind: str, edit: Raw) -> None:
    made = [merged(each, edit) if each["kind"] == kind else each for each in children(ONE)]
    assert actions(look(ONE, made, [pod(revision(ONE), ready())])) == ()


def test_what_the_server_writes_in_its_own_way_is_no_edit() -> None:
    """Quantities, and the empty text of a toleration, which it leaves out."""
    taint = {"key": "a", "operator": "Equal", "value": ""}
    raw = deployment(with_spec(replicas=1, resources={"limits": {"cpu": "0.5"}}, pod={"tolerations": [taint]}))
    made = copy.deepcopy(children(raw))
    spec = made[-1]["spec"]["template"]["spec"]
    spec["containers"][0]["resources"]["limits"]["cpu"] = "500m"
    del spec["tolerations"][0]["value"]
    assert actions(look(raw, made, [pod(revision(raw), ready())])) == ()


def test_a_live_document_made_anew_is_newer_than_what_pods_run_on() -> None:
    kept = [each for each in children(ONE) if each["metadata"]["name"] != "qwen-live"]
    one = pod(revision(ONE), ready())
    apply = actions(look(ONE, kept, [one], {one["metadata"]["uid"]: report(live_number=7)}))[0]
    assert isinstance(apply, Apply)
    assert json.loads(apply.manifest["data"]["live.json"])["number"] == 8


def test_what_belonged_to_an_empty_revision_goes_but_its_record() -> None:
    past = version(1)
    empty = [builders.record(past, 1), builders.fleet(past, 0), *engine_documents(past)]
    found = actions(look(ONE, [*children(ONE, number=2), *empty], [pod(revision(ONE), ready())]))
    assert sorted(str(each.ref) for each in found if isinstance(each, Delete)) == [
        f"ConfigMap/qwen-{revision(past)}",
        f"Deployment/qwen-{revision(past)}",
    ]


def engine_documents(raw: Raw) -> list[Raw]:
    return [
        each
        for each in children(raw)
        if each["metadata"]["name"] == f"qwen-{revision(raw)}" and each["kind"] == "ConfigMap"
    ]


@pytest.mark.parametrize("modifiers", [[starting()], [ready()], [ready(), builders.being_deleted()]])
def test_nothing_of_a_revision_goes_before_its_last_pod(modifiers: list) -> None:
    past = version(1)
    empty = [builders.record(past, 1), builders.fleet(past, 0), *engine_documents(past)]
    pods = [pod(revision(ONE), ready()), pod(revision(past), *modifiers)]
    found = actions(look(ONE, [*children(ONE, number=2), *empty], pods))
    assert not [each for each in found if isinstance(each, Delete)]


def test_two_earlier_records_are_kept() -> None:
    records = [builders.record(version(number), number) for number in (1, 2, 3, 4)]
    found = actions(look(ONE, [*records, *children(ONE, number=5)], [pod(revision(ONE), ready())]))
    assert sorted(each.ref.name for each in found) == sorted(f"qwen-{revision(version(number))}" for number in (1, 2))


def test_the_present_record_is_kept_however_old() -> None:
    records = [builders.record(version(number), number) for number in (3, 4)]
    found = actions(look(ONE, [*records, *children(ONE, number=1)], [pod(revision(ONE), ready())]))
    assert found == ()
