"""What is read of a status that another version of the operator wrote."""

import pytest

from llmfleet.api.status import Status
from llmfleet.core.world import observe
from tests.builders import deployment

OURS = {"servedRevision": "abc", "readyReplicas": 2}


def read(status):
    return observe({**deployment(), "status": status}, (), ()).status


def test_what_this_version_wrote_is_read_whole() -> None:
    written = Status(served_revision="abc", ready_replicas=2)
    assert read(written.model_dump(by_alias=True, exclude_defaults=True)) == written


@pytest.mark.parametrize(
    "newer",
    [
        {"weather": {"sun": True}},
        {"conditions": [{"type": "Ready", "status": "True", "reason": "AllReady", "mood": "good"}]},
        {"rollout": "someday"},
        {"rollout": {"path": "Sideways"}, "revisions": "many", "weather": 1},
    ],
)
def test_a_member_of_another_version_hides_no_other(newer) -> None:
    seen = read({**OURS, **newer})
    assert (seen.served_revision, seen.ready_replicas) == ("abc", 2)


def test_of_a_condition_with_a_member_more_the_rest_is_known() -> None:
    recorded = {"type": "Ready", "status": "True", "reason": "AllReady", "mood": "good"}
    (condition,) = read({"conditions": [recorded]}).conditions
    assert condition.reason == "AllReady"


def test_a_member_that_cannot_be_read_is_nothing() -> None:
    assert read({**OURS, "revisions": "many"}).revisions == ()
