"""The longest names that the schema takes make children that the API server takes, too."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from llmfleet.core.fleet import plan
from llmfleet.core.judge import judge
from llmfleet.core.plan import Apply
from llmfleet.names import MAX_NAME_LENGTH
from llmfleet.reference import root_schema
from llmfleet_runtime.contract import ALLOWED_ARGUMENTS
from tests.builders import DEFAULTS, NOW, Raw, deployment, look, with_metadata, with_spec

LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
CONFIG_MAP_BYTES = OBJECT_BYTES = 2**20
"""What the API server takes for the data of a ConfigMap, and etcd surely for an object (1.5 MiB)."""

NAMED = (
    with_metadata(name="q" * MAX_NAME_LENGTH, namespace="n" * 63),
    with_spec(
        replicas=2,
        access={"from": []},
        model={"servedNames": ["s" * 128], "uri": f"hf://{'o' * 253}/{'m' * 253}"},
    ),
)
LARGE = with_spec(
    engine={
        "args": [{"name": name, "value": f".{'9' * 4095}"} for name in ALLOWED_ARGUMENTS[-64:]],
        "env": [{"name": f"A{number}", "value": "v" * 4096} for number in range(64)],
    },
    lora={
        "maxAdapters": 64,
        "adapters": [
            {"name": f"{number:02}".ljust(63, "a"), "uri": f"hf://{'o' * 253}/{'m' * 253}", "revision": "r" * 128}
            for number in range(64)
        ],
    },
    pod={
        "labels": {f"l{number}": "v" * 63 for number in range(32)},
        "annotations": {f"a{number}": "v" * 4096 for number in range(32)},
    },
    service={"annotations": {f"a{number}": "v" * 4096 for number in range(32)}},
)


def children(raw: Raw) -> list[Raw]:
    assert judge(root_schema(), raw) == []
    return [dict(each.manifest) for each in plan(look(raw), DEFAULTS, NOW).actions if isinstance(each, Apply)]


def labels_in(value: Any) -> Iterator[str]:
    """Every value of labels and selectors."""
    if isinstance(value, list):
        for each in value:
            yield from labels_in(each)
    if isinstance(value, dict):
        for name, each in value.items():
            if name in ("labels", "matchLabels", "selector") and all(isinstance(text, str) for text in each.values()):
                yield from each.values()
            yield from labels_in(each)


@pytest.mark.proves("S38")
def test_the_longest_names_make_legal_names_and_labels() -> None:
    made = children(deployment(*NAMED))
    assert len(made) == 7
    assert [each["metadata"]["name"] for each in made if len(each["metadata"]["name"]) > 63] == []
    values = [value for each in made for value in labels_in(each)]
    assert values
    assert [value for value in values if not LABEL.fullmatch(value)] == []


@pytest.mark.proves("S38", "R78")
def test_the_largest_object_makes_children_that_can_be_stored() -> None:
    made = children(deployment(*NAMED, LARGE))
    sizes = {f"{each['kind']}/{each['metadata']['name']}": len(json.dumps(each)) for each in made}
    assert {name: size for name, size in sizes.items() if size > OBJECT_BYTES} == {}
    data = [sum(map(len, each["data"].values())) for each in made if each["kind"] == "ConfigMap"]
    assert max(data) < CONFIG_MAP_BYTES
