"""YAML is read as strictly as the API server reads it, and no stricter."""

import io

import pytest
import yaml

from llmfleet.commands.documents import documents


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a: 1\n---\na: 2", [{"a": 1}, {"a": 2}], id="two documents"),
        pytest.param("- {a: 1}\n- {a: 2}", [[{"a": 1}, {"a": 2}]], id="in two mappings"),
        pytest.param("a: {a: {a: 1}}", [{"a": {"a": {"a": 1}}}], id="one in the other"),
        pytest.param(
            "a: &usual {b: 1, c: 2}\nd: {<<: *usual, b: 3}",
            [{"a": {"b": 1, "c": 2}, "d": {"b": 3, "c": 2}}],
            id="merged and overruled",
        ),
    ],
)
def test_a_key_may_stand_again_where_it_is_another(text: str, expected: list[object]) -> None:
    assert list(documents(io.StringIO(text))) == expected


def test_a_time_without_quotes_is_text_as_it_is_to_kubernetes() -> None:
    assert list(documents(io.StringIO("restartTime: 2026-11-21T12:00:00Z"))) == [
        {"restartTime": "2026-11-21T12:00:00Z"}
    ]


@pytest.mark.proves("S46")
@pytest.mark.parametrize(
    "text",
    ["spec:\n  replicas: 1\n  replicas: 2", 'a: 1\nspec:\n  "replicas": 1\n  b: [{replicas: 1, replicas: 1}]'],
)
def test_a_key_that_stands_twice_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match=r"the key 'replicas' stands twice\n.*line [24]"):
        list(documents(io.StringIO(text)))
