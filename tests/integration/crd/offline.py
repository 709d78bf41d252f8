"""The offline judge: what the API server would refuse, by the schema alone, in the server's words where it matters."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import celpy
from celpy import celtypes

_SIZES = {"minLength": ("less", "chars"), "maxLength": ("more", "bytes")}
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
}
_SUFFIXES = {"m": 1e-3, "k": 1e3} | {
    f"{letter}{binary}": float((1024 if binary else 1000) ** power)
    for power, letter in enumerate(("K", "M", "G", "T", "P", "E"), start=1)
    for binary in ("", "i")
}


def judge(schema: dict[str, Any], new: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    """Every refusal; none when the object is fine. Rules run only on an object of the right shape, as on the server."""
    return list(_shape(schema, new, "")) or list(_rules(schema, new, old, ""))


def _shape(schema: dict[str, Any], value: Any, path: str) -> Iterator[str]:
    if not _has_type(schema, value):
        yield f"{path}: Invalid value: must be of type {schema.get('type', 'integer or string')}"
        return
    yield from (f"{path}: {message}" for message in _bounds(schema, value))
    if isinstance(value, dict):
        yield from _members(schema, value, path)
    if isinstance(value, list):
        yield from _entries(schema, value, path)


def _has_type(schema: dict[str, Any], value: Any) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        return isinstance(value, int | str) and not isinstance(value, bool)
    return isinstance(value, _TYPES[schema["type"]]) and (schema["type"] == "boolean" or not isinstance(value, bool))


def _bounds(schema: dict[str, Any], value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _text(schema, value)
    elif isinstance(value, int):
        if value < schema.get("minimum", value):
            yield f"Invalid value: {value}: should be greater than or equal to {schema['minimum']}"
        if value > schema.get("maximum", value):
            yield f"Invalid value: {value}: should be less than or equal to {schema['maximum']}"
        if value not in schema.get("enum", (value,)):
            yield f"Unsupported value: {value}: supported values: {schema['enum']}"
    elif len(value) > schema.get("maxItems", schema.get("maxProperties", len(value))):
        limit = schema.get("maxItems", schema.get("maxProperties"))
        yield f"Too many: {len(value)}: must have at most {limit} items"


def _text(schema: dict[str, Any], value: str) -> Iterator[str]:
    if len(value) < schema.get("minLength", 0):
        yield f"Invalid value: {value!r}: should be at least {schema['minLength']} chars long"
    if len(value) > schema.get("maxLength", len(value)):
        yield f"Too long: may not be more than {schema['maxLength']} bytes"
    if "pattern" in schema and not re.search(schema["pattern"].replace("$", r"\Z"), value):
        yield f"Invalid value: {value!r}: should match '{schema['pattern']}'"
    if value not in schema.get("enum", (value,)):
        yield f"Unsupported value: {value!r}: supported values: {schema['enum']}"


def _members(schema: dict[str, Any], value: dict[str, Any], path: str) -> Iterator[str]:
    yield from (
        f"{path}.{name}: Required value".lstrip(".") for name in schema.get("required", ()) if name not in value
    )
    for name, each in value.items():
        inner = _member(schema, name)
        if inner is not None:
            yield from _shape(inner, each, f"{path}.{name}".lstrip("."))
        elif "properties" in schema:
            yield f'unknown field "{path}.{name}"'


def _entries(schema: dict[str, Any], value: list[Any], path: str) -> Iterator[str]:
    keys = schema.get("x-kubernetes-list-map-keys")
    seen: list[Any] = []
    for index, each in enumerate(value):
        yield from _shape(schema["items"], each, f"{path}[{index}]")
        identity = [each.get(key) for key in keys] if keys else each
        if schema.get("x-kubernetes-list-type") != "atomic" and identity in seen:
            yield f"{path}[{index}]: Duplicate value: {identity!r}"
        seen.append(identity)


def _rules(schema: dict[str, Any], new: Any, old: Any, path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        if ("oldSelf" not in rule["rule"] or old is not None) and not _holds(rule["rule"], schema, new, old):
            yield f"{path}: Invalid value: {rule['message']}"
    if isinstance(new, dict):
        before = old if isinstance(old, dict) else {}
        for name, each in new.items():
            if (inner := _member(schema, name)) is not None:
                yield from _rules(inner, each, before.get(name), f"{path}.{name}".lstrip("."))
    if isinstance(new, list):
        for index, each in enumerate(new):
            yield from _rules(schema["items"], each, None, f"{path}[{index}]")


def _member(schema: dict[str, Any], name: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
    return found


def _holds(expression: str, schema: dict[str, Any], new: Any, old: Any) -> bool:
    activation = {"self": celpy.json_to_cel(_escaped(schema, new))}
    if old is not None:
        activation["oldSelf"] = celpy.json_to_cel(_escaped(schema, old))
    return bool(_program(expression).evaluate(activation))


@cache
def _program(expression: str) -> celpy.Runner:
    environment = celpy.Environment()
    functions = {"quantity": _quantity, "compareTo": _compare, "find": _find}
    return environment.program(environment.compile(expression), functions=functions)


def _quantity(text: celtypes.Value) -> celtypes.Value:
    number, suffix = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text)).groups()  # type: ignore[union-attr]  # because the pattern held
    return celtypes.DoubleType(float(number) * _SUFFIXES.get(suffix, 1.0))


def _compare(left: celtypes.Value, right: celtypes.Value) -> celtypes.Value:
    return celtypes.IntType((left > right) - (left < right))


def _find(text: celtypes.Value, pattern: celtypes.Value) -> celtypes.Value:
    """The first match, or nothing (Kubernetes, "CEL: regex library")."""
    found = re.search(str(pattern), str(text))
    return celtypes.StringType(found[0] if found else "")


def _escaped(schema: dict[str, Any], value: Any) -> Any:
    """Member names as CEL sees them (Kubernetes, "Validation rules"); the keys of a map stay as they are."""
    if isinstance(value, dict):
        known = schema.get("properties", {})
        return {
            name.replace("-", "__dash__") if name in known else name: _escaped(_member(schema, name) or {}, each)
            for name, each in value.items()
        }
    return [_escaped(schema.get("items", {}), each) for each in value] if isinstance(value, list) else value
