"""Committed files are what the models say, and the schema keeps Kubernetes' rules of form."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmfleet.api.schema import fields
from llmfleet.generate import COMMAND, generate, verify
from llmfleet.reference import root_schema

ROOT = Path(__file__).parents[3]
SPEC = root_schema()["properties"]["spec"]
# Kubernetes, "Specifying a structural schema": what a schema may hold, less what we do not want (default, nullable).
STRUCTURAL = {
    "additionalProperties",
    "anyOf",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minLength",
    "minimum",
    "pattern",
    "properties",
    "required",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-validations",
}


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside a schema, itself included."""
    yield path, schema
    for name, each in schema.get("properties", {}).items():
        yield from nodes(each, f"{path}.{name}")
    for keyword in ("items", "additionalProperties"):
        if keyword in schema:
            yield from nodes(schema[keyword], f"{path}[]")


def test_committed_files_are_up_to_date() -> None:
    assert verify(ROOT) == []


def test_verify_names_each_stale_file_and_the_command(tmp_path: Path) -> None:
    made = generate(tmp_path)
    assert verify(tmp_path) == []
    made[0].write_text("edited by hand")
    assert verify(tmp_path) == [
        f"{made[0].relative_to(tmp_path)} is out of date: run `{COMMAND}` and commit the result"
    ]


def test_generating_twice_changes_nothing(tmp_path: Path) -> None:
    assert len(generate(tmp_path)) == 18
    assert generate(tmp_path) == []


@pytest.mark.proves("R36")
def test_every_field_says_what_it_is() -> None:
    short = [path for path, each in fields(root_schema()) if len(each.get("description", "")) < 20]
    assert short == ["metadata"]  # which Kubernetes describes and lets nobody else describe


def test_only_structural_keywords_appear() -> None:
    found = {path: set(each) - STRUCTURAL for path, each in nodes(SPEC)}
    assert {path: extra for path, extra in found.items() if extra} == {}


@pytest.mark.proves("R39")
def test_the_status_starts_as_not_observed() -> None:
    assert root_schema()["properties"]["status"]["default"] == {"observedGeneration": -1}


@pytest.mark.proves("S6")
def test_nothing_may_be_null() -> None:
    assert [path for path, each in nodes(root_schema()) if each.get("nullable")] == []


@pytest.mark.parametrize(
    ("kind", "bounds"),
    [
        ("string", {"maxLength"}),
        ("integer", {"minimum", "maximum"}),
        ("number", {"minimum", "maximum"}),
        ("array", {"maxItems", "x-kubernetes-list-type"}),
    ],
)
def test_every_value_of_the_spec_is_bounded(kind: str, bounds: set[str]) -> None:
    unbounded = [
        path for path, each in nodes(SPEC) if each.get("type") == kind and "enum" not in each and bounds - set(each)
    ]
    assert unbounded == []


def test_every_map_of_the_spec_has_a_largest_size() -> None:
    assert [path for path, each in nodes(SPEC) if "additionalProperties" in each and "maxProperties" not in each] == []


def test_every_quantity_is_bounded() -> None:
    quantities = [each for _, each in nodes(SPEC) if each.get("x-kubernetes-int-or-string")]
    assert quantities
    assert all({"minimum", "maximum", "maxLength", "pattern"} <= set(each) for each in quantities)
