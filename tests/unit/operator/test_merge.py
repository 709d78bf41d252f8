"""What a live object becomes when a file is applied to it."""

import json
from typing import Any

import pytest

from llmfleet.core.merge import LAST_APPLIED, applied, last_applied, with_file
from tests.builders import Raw, deployment, with_metadata, with_spec


@pytest.mark.parametrize(
    ("last", "new", "live", "expected"),
    [
        pytest.param({}, {"a": 1}, {"b": 2}, {"a": 1, "b": 2}, id="what others set stays"),
        pytest.param({"a": 1}, {}, {"a": 1, "b": 2}, {"b": 2}, id="what the file no longer says goes"),
        pytest.param({"a": 1}, {}, {"a": 7}, {}, id="whoever changed it since"),
        pytest.param({"a": 1}, {"a": 2}, {"a": 1}, {"a": 2}, id="a change"),
        pytest.param({"m": {"a": 1}}, {"m": {"b": 2}}, {"m": {"a": 1, "c": 3}}, {"m": {"b": 2, "c": 3}}, id="deep"),
        pytest.param({"l": [1]}, {"l": [2, 3]}, {"l": [1, 9]}, {"l": [2, 3]}, id="lists are replaced"),
        pytest.param({"m": 1}, {"m": {"a": 1}}, {"m": 1}, {"m": {"a": 1}}, id="another type"),
        pytest.param(None, {"a": 1}, {}, {"a": 1}, id="never applied before"),
    ],
)
def test_three_ways_become_one(last: Any, new: Any, live: Any, expected: Any) -> None:
    assert applied(last, new, live) == expected


def with_last_applied(spec: Raw) -> Any:
    return with_metadata(annotations={LAST_APPLIED: json.dumps({"spec": spec})})


def test_a_new_object_is_its_file() -> None:
    file = {**deployment(), "metadata": {"name": "qwen", "namespace": "team-a"}}
    made = with_file(file, None, "u")
    assert (made["spec"], made["metadata"]["uid"], made["metadata"]["generation"]) == (file["spec"], "u", 1)


def test_a_member_that_the_file_had_and_lacks_now_goes_and_a_scaled_size_stays() -> None:
    file = deployment()
    live = deployment(
        with_spec(replicas=4, engine={"maxModelLen": 512}),
        with_last_applied({**file["spec"], "engine": {"maxModelLen": 512}}),
    )
    made = with_file(file, live, "u")
    assert made["spec"] == {**file["spec"], "replicas": 4}
    assert made["metadata"]["generation"] == live["metadata"]["generation"] + 1


def test_without_a_record_of_the_last_apply_the_file_is_the_spec() -> None:
    assert with_file(deployment(), deployment(with_spec(replicas=4)), "u")["spec"] == deployment()["spec"]


def test_an_unchanged_spec_keeps_its_generation() -> None:
    assert with_file(deployment(), deployment(), "u")["metadata"]["generation"] == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_spoilt_record_counts_as_none(text: str) -> None:
    assert last_applied(deployment(with_metadata(annotations={LAST_APPLIED: text}))) == {}
