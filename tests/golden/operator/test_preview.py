"""What ``llmfleet plan`` prints, byte for byte."""

from decimal import Decimal
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from llmfleet.core.capacity import Capacity, Node
from llmfleet.core.preview import NEW_UID, Preview, document, preview, text
from llmfleet.core.world import Observed
from tests import builders
from tests.builders import (
    DEFAULTS,
    NOW,
    Raw,
    child,
    children,
    deployment,
    look,
    pod,
    ready,
    revision,
    settled,
    with_metadata,
    with_spec,
)

NODE = "gpu-1"
FULL = Capacity((Node(NODE, {}, (), {"nvidia.com/gpu": Decimal(0), "pods": Decimal(9)}),))
"""A cluster whose one node has given all its GPUs to us."""
FREE = Capacity((Node(NODE, {}, (), dict.fromkeys(("nvidia.com/gpu", "pods", "cpu", "memory"), Decimal(2**40))),))
"""One that has room for many more."""
TWO, ONE = deployment(with_spec(replicas=2)), deployment(with_spec(replicas=1))


def edited(old: Raw, *modifiers: Any, capacity: Capacity | None = None) -> Preview:
    """The preview of an edit of a settled fleet."""
    size = old["spec"]["replicas"]
    pods = [pod(revision(old), ready(), with_spec(nodeName=NODE), name=f"qwen-{index}") for index in range(size)]
    new = deployment(with_spec(**old["spec"]), with_metadata(generation=2), *modifiers)
    seen = look(new, children(old, size), pods)
    return preview(Observed(**{**vars(seen), "capacity": capacity}), old, DEFAULTS, NOW)


def with_annotations_of_a_service() -> Preview:
    managed = {"manager": "llmfleet", "fieldsV1": {"f:metadata": {"f:annotations": {"f:example.com/ours": {}}}}}
    old = deployment(with_spec(replicas=1, service={"annotations": {"example.com/ours": "1"}}))
    server = with_metadata(annotations={"example.com/theirs": "2"}, managedFields=[managed])
    made = [child(each, server) if each["kind"] == "Service" else each for each in children(old)]
    new = deployment(with_spec(replicas=1, service={"port": 80}))
    return preview(look(new, made, [pod(revision(old), ready())]), old, DEFAULTS, NOW)


def with_resources_in_other_words() -> Preview:
    """The server writes quantities in its own way; one replica more."""
    old = deployment(with_spec(replicas=1, resources={"limits": {"memory": "1024Mi"}}))
    made = children(old)
    made[-1]["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] = "1Gi"
    made[-1]["spec"]["template"]["spec"]["containers"][0]["terminationMessagePath"] = "/dev/termination-log"
    new = deployment(with_spec(**old["spec"]), with_spec(replicas=2))
    return preview(look(new, made, [pod(revision(old), ready())]), old, DEFAULTS, NOW)


SQL, CODE = {"name": "sql", "uri": "hf://team/sql"}, {"name": "code", "uri": "hf://team/code"}
ADAPTED = deployment(with_spec(replicas=2, lora={"adapters": [SQL]}))
SHORTER = with_spec(engine={"maxModelLen": 512})
CASES = {
    "new": preview(look(deployment(with_metadata(uid=NEW_UID))), None, DEFAULTS, NOW),
    "nothing": preview(settled(TWO, 2), TWO, DEFAULTS, NOW),
    "engine, room": edited(TWO, SHORTER, capacity=FREE),
    "engine, room unknown": edited(TWO, SHORTER),
    "engine, room unknown, when idle": edited(TWO, SHORTER, with_spec(rollout={"type": "WhenIdle"})),
    "engine, room unknown, surge": edited(TWO, SHORTER, with_spec(rollout={"type": "Surge"})),
    "engine, no room": edited(TWO, SHORTER, capacity=FULL),
    "engine, no room, one replica": edited(ONE, SHORTER, capacity=FULL),
    "image, no room": edited(TWO, with_spec(engine={"image": "mine:2"}), capacity=FULL),
    "size": edited(TWO, with_spec(replicas=1)),
    "drain time": edited(TWO, with_spec(lifecycle={"drainTimeoutSeconds": 5})),
    "adapters": edited(ADAPTED, with_spec(lora={"adapters": [SQL | {"revision": "v2"}, CODE]})),
    "room for adapters, no room": edited(ADAPTED, with_spec(lora={"maxRank": 64}), capacity=FULL),
    "paused": edited(TWO, with_spec(paused=True, replicas=5)),
    "service": with_annotations_of_a_service(),
    "size, quantities": with_resources_in_other_words(),
    "record gone": preview(look(TWO, [builders.fleet(TWO, 2)], []), TWO, DEFAULTS, NOW),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_what_people_read(case: str, snapshot: SnapshotAssertion) -> None:
    assert text(CASES[case]) == snapshot


def test_what_programs_read(snapshot: SnapshotAssertion) -> None:
    assert document(CASES["engine, no room"]) == snapshot


@pytest.mark.parametrize(
    ("case", "changes", "unavailable", "without_room"),
    [
        ("new", True, 0, 0),
        ("nothing", False, 0, 0),
        ("engine, room", True, 0, 0),
        ("engine, room unknown", True, 0, 1),
        ("engine, room unknown, when idle", True, 0, 1),
        ("engine, room unknown, surge", True, 0, 0),
        ("engine, no room", True, 1, 1),
        ("engine, no room, one replica", True, 1, 1),
        ("size", True, 0, 0),
        ("paused", True, 0, 0),
    ],
)
def test_what_would_change_and_how_many_stop_serving(
    case: str,
    changes: bool,  # noqa: FBT001 because it is a column
    unavailable: int,
    without_room: int,
) -> None:
    found = CASES[case]
    assert (found.changes, found.unavailable, found.unavailable_without_room) == (changes, unavailable, without_room)


def test_an_object_that_is_not_there_yet_has_no_revision_and_no_uid() -> None:
    told = text(CASES["new"]) + str(document(CASES["new"]))
    assert NEW_UID not in told
    assert CASES["new"].plan.revision not in told
