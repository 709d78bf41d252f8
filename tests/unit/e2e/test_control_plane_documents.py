"""The peers of the control plane bench make what llmfleet makes."""

import json

from e2e.bench.control_plane import documents
from e2e.bench.control_plane.ledger import owner_of
from llmfleet.core import fleet
from llmfleet.core.plan import Apply
from llmfleet.core.world import observe

NOW = "2026-01-01T00:00:00Z"


def accepted(generation: int = 1, **spec: object) -> documents.Document:
    """An object as the server gives it back."""
    raw = documents.llmdeployment("bench", 7)
    raw["metadata"] |= {"uid": "9d1c", "generation": generation, "resourceVersion": "1"}
    raw["spec"] |= spec
    return raw


def test_children_are_those_of_llmfleet_byte_for_byte_and_in_its_order() -> None:
    raw = accepted()
    planned = fleet.plan(observe(raw, (), ()), documents.DEFAULTS, NOW)
    ours = [action.manifest for action in planned.actions if isinstance(action, Apply)]
    assert [json.dumps(each) for each in documents.children(raw)] == [json.dumps(each) for each in ours]
    assert len(ours) == documents.CHILDREN


def test_an_edit_changes_the_children_that_it_concerns() -> None:
    before = documents.changing_children(accepted())
    resized = documents.changing_children(accepted(2, replicas=2))
    drained = documents.changing_children(accepted(2, lifecycle={"drainTimeoutSeconds": 7}))
    changed = [
        [new["kind"] for old, new in zip(before, after, strict=True) if old.get("spec", 0) != new.get("spec", 0)]
        for after in (resized, drained)
    ]
    assert changed == [["PodDisruptionBudget", "Deployment"], []]
    assert json.loads(drained[0]["data"]["live.json"])["drainTimeoutSeconds"] == 7


def test_children_are_named_after_their_object() -> None:
    assert {owner_of(each["metadata"]["name"]) for each in documents.children(accepted())} == {documents.object_name(7)}


def test_a_status_is_ready_when_all_replicas_answer() -> None:
    waiting, ready = (documents.status(accepted(), count, NOW) for count in (2, 3))
    assert [each["conditions"][0]["status"] for each in (waiting, ready)] == ["False", "True"]
    assert ready["readyReplicas"] == ready["desiredReplicas"] == 3
