"""The CEL rules of a schema's node, run by cel-python; Kubernetes' own functions are added as far as rules use them."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import celpy
from celpy import celtypes

_SUFFIXES = {"m": 1e-3, "k": 1e3} | {
    f"{letter}{binary}": float((1024 if binary else 1000) ** power)
    for power, letter in enumerate(("K", "M", "G", "T", "P", "E"), start=1)
    for binary in ("", "i")
}


def broken(schema: dict[str, Any], new: Any, old: Any) -> Iterator[str]:
    """The message of every rule of this node that its value breaks; ``old`` is None for a value that was not there."""
    rules = schema.get("x-kubernetes-validations", ())
    given = {"self": _cel(schema, new)} | ({} if old is None else {"oldSelf": _cel(schema, old)}) if rules else {}
    for rule in rules:
        if ("oldSelf" not in rule["rule"] or old is not None) and not _program(rule["rule"]).evaluate(given):
            told = rule.get("messageExpression")
            yield str(_program(told).evaluate(given)) if told else rule["message"]


def member(schema: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The schema of an object's member or of a map's value; None where there is none of the name."""
    found: dict[str, Any] | None = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
    return found


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


def _cel(schema: dict[str, Any], value: Any) -> celtypes.Value:
    return celpy.json_to_cel(_escaped(schema, value))


def _escaped(schema: dict[str, Any], value: Any) -> Any:
    """Member names as CEL sees them (Kubernetes, "Validation rules"); the keys of a map stay as they are."""
    if isinstance(value, dict):
        known = schema.get("properties", {})
        return {
            name.replace("-", "__dash__") if name in known else name: _escaped(member(schema, name) or {}, each)
            for name, each in value.items()
        }
    return [_escaped(schema.get("items", {}), each) for each in value] if isinstance(value, list) else value
