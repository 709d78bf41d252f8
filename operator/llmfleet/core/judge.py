"""What the API server would refuse of an object, by the schema alone, in the server's words where it matters.

Needs cel-python; only commands that ask no cluster import this.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from llmfleet.core import rule

_LONGEST_VALUE = 100
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
}


def judge(schema: dict[str, Any], new: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    """Every refusal; none when the object is fine. Rules run only on an object of the right shape, as on the server.

    A null counts as unset, and what is as it was in ``old`` is not judged again (Kubernetes, "CRD validation
    ratcheting").
    """
    given = _without_nulls(new)
    return list(_shape(schema, given, old, "")) or list(_rules(schema, given, old, ""))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _shape(schema: dict[str, Any], value: Any, old: Any, path: str) -> Iterator[str]:
    if value == old:
        return
    if not _has_type(schema, value):
        yield f"{path}: {_invalid(value, 'must be of type ' + schema.get('type', 'integer or string'))}"
        return
    yield from (f"{path}: {message}" for message in _bounds(schema, value))
    if isinstance(value, dict):
        yield from _members(schema, value, old, path)
    if isinstance(value, list):
        yield from _entries(schema, value, path)


def _has_type(schema: dict[str, Any], value: Any) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        return isinstance(value, int | str) and not isinstance(value, bool)
    return isinstance(value, _TYPES[schema["type"]]) and (schema["type"] == "boolean" or not isinstance(value, bool))


def _invalid(value: Any, message: str) -> str:
    """The server leaves out a value that has members."""
    if isinstance(value, dict | list):
        return f"Invalid value: {message}"
    shown = json.dumps(value, default=str, ensure_ascii=False)
    return f"Invalid value: {shown[:_LONGEST_VALUE]}{'…' * (len(shown) > _LONGEST_VALUE)}: {message}"


def _bounds(schema: dict[str, Any], value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _text(schema, value)
    elif isinstance(value, int):
        yield from _number(schema, value)
    elif len(value) > schema.get("maxItems", schema.get("maxProperties", len(value))):
        limit = schema.get("maxItems", schema.get("maxProperties"))
        yield f"Too many: {len(value)}: must have at most {limit} items"


def _number(schema: dict[str, Any], value: int) -> Iterator[str]:
    if value < schema.get("minimum", value):
        yield _invalid(value, f"should be greater than or equal to {schema['minimum']}")
    if value > schema.get("maximum", value):
        yield _invalid(value, f"should be less than or equal to {schema['maximum']}")
    if value not in schema.get("enum", (value,)):
        yield f"Unsupported value: {value}: supported values: {schema['enum']}"


def _text(schema: dict[str, Any], value: str) -> Iterator[str]:
    if len(value) < schema.get("minLength", 0):
        yield _invalid(value, f"should be at least {schema['minLength']} chars long")
    if len(value) > schema.get("maxLength", len(value)):
        yield f"Too long: may not be more than {schema['maxLength']} bytes"
    if "pattern" in schema and not re.search(schema["pattern"].replace("$", r"\Z"), value):
        yield _invalid(value, f"should match '{schema['pattern']}'")
    if value not in schema.get("enum", (value,)):
        yield f"Unsupported value: {value!r}: supported values: {schema['enum']}"


def _members(schema: dict[str, Any], value: dict[str, Any], old: Any, path: str) -> Iterator[str]:
    yield from (
        f"{path}.{name}: Required value".lstrip(".") for name in schema.get("required", ()) if name not in value
    )
    before = old if isinstance(old, dict) else {}
    for name, each in value.items():
        inner = rule.member(schema, name)
        if inner is not None:
            yield from _shape(inner, each, before.get(name), f"{path}.{name}".lstrip("."))
        elif "properties" in schema:
            yield f'unknown field "{f"{path}.{name}".lstrip(".")}"'


def _entries(schema: dict[str, Any], value: list[Any], path: str) -> Iterator[str]:
    keys = schema.get("x-kubernetes-list-map-keys")
    seen: list[Any] = []
    for index, each in enumerate(value):
        yield from _shape(schema["items"], each, None, f"{path}[{index}]")
        identity = [each.get(key) for key in keys] if keys and isinstance(each, dict) else each
        if schema.get("x-kubernetes-list-type") != "atomic" and identity in seen:
            yield f"{path}[{index}]: Duplicate value: {identity!r}"
        seen.append(identity)


def _rules(schema: dict[str, Any], new: Any, old: Any, path: str) -> Iterator[str]:
    if new == old:
        return
    yield from (f"{path}: {_invalid(new, message)}" for message in rule.broken(schema, new, old))
    if isinstance(new, dict):
        before = old if isinstance(old, dict) else {}
        for name, each in new.items():
            if (inner := rule.member(schema, name)) is not None:
                yield from _rules(inner, each, before.get(name), f"{path}.{name}".lstrip("."))
    if isinstance(new, list):
        for index, each in enumerate(new):
            yield from _rules(schema["items"], each, None, f"{path}[{index}]")
