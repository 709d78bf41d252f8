"""The Jinja environment: strict, and every placed value becomes JSON, so that nothing can be injected."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, Undefined


def _as_json(value: Any) -> str:
    if isinstance(value, Undefined):
        return str(value)  # raises UndefinedError naming the variable
    return json.dumps(value)


@cache
def _environment() -> Environment:
    return Environment(  # noqa: S701 because finalize turns every value into JSON; HTML escaping would corrupt it
        loader=PackageLoader("llmfleet"),
        undefined=StrictUndefined,
        finalize=_as_json,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """One manifest from ``templates/<template>.yaml.j2``; a missing value raises jinja2.UndefinedError."""
    text = _environment().get_template(f"{template}.yaml.j2").render(values)
    manifest: dict[str, Any] = yaml.safe_load(text)
    return manifest
