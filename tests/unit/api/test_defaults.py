"""Defaults stand in the models and not in the schema, so the descriptions must tell them, and tell them right."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest
from pydantic import BaseModel

from llmfleet.api.autoscaling import Autoscaling, Latency
from llmfleet.api.lora import Lora
from llmfleet.api.schema import fields
from llmfleet.api.v1alpha1 import Spec
from llmfleet.reference import root_schema


def told(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, str, str]]:
    """Path, default and description of every plain value that has a default."""
    for name, field in model.model_fields.items():
        here = f"{path}{field.alias or name}"
        if isinstance(field.default, BaseModel):
            yield from told(type(field.default), f"{here}.")
        elif isinstance(field.default, bool):
            yield here, str(field.default).lower(), str(field.description)
        elif isinstance(field.default, StrEnum | int):
            yield here, str(field.default), str(field.description)


DEFAULTS = [
    *told(Spec),
    *told(Autoscaling, "autoscaling."),
    *told(Latency, "autoscaling.targets."),
    *told(Lora, "lora."),
]


@pytest.mark.proves("R36")
@pytest.mark.parametrize(("path", "default", "description"), [pytest.param(*each, id=each[0]) for each in DEFAULTS])
def test_a_description_tells_the_default(path: str, default: str, description: str) -> None:
    assert f"Default: {default}." in description


UNITS = ("second", "token", "replica", "request", "bytes", "cores", "port", "revision")


@pytest.mark.proves("R36")
def test_every_number_has_a_unit_in_its_name_or_description() -> None:
    spec: dict[str, Any] = root_schema()["properties"]["spec"]
    numbers = {
        path: each
        for path, each in fields(spec)
        if each.get("type") == "integer" or each.get("x-kubernetes-int-or-string")
    }
    assert len(numbers) > 10
    without = [
        path
        for path, each in numbers.items()
        if not any(unit in f"{path} {each['description']}".lower() for unit in UNITS)
    ]
    assert without == []
