"""Pydantic models to the structural subset of JSON schema that a CRD may hold."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

_DROPPED = {"title", "$defs", "default"}
_EXTENSION = "x-kubernetes-"


def structural_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The model's fields as one structural schema: references inlined, no nulls, no defaults, no titles.

    Source: Kubernetes, "Specifying a structural schema". Nulls go because they would persist; defaults because
    a default in the schema is written into objects that another field owner sizes.
    """
    schema = model.model_json_schema(by_alias=True, schema_generator=GenerateJsonSchema, mode="validation")
    return _convert(schema, schema.get("$defs", {}))


def _convert(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    node = _resolved(node, definitions)
    kept = {key: value for key, value in node.items() if key not in _DROPPED}
    if "const" in kept:
        kept["enum"] = [kept.pop("const")]
    if "properties" in kept:
        kept["properties"] = {name: _convert(each, definitions) for name, each in kept["properties"].items()}
        kept.pop("additionalProperties", None)
    elif isinstance(kept.get("additionalProperties"), dict):
        kept["additionalProperties"] = _convert(kept["additionalProperties"], definitions)
        kept.pop("propertyNames", None)
    if "items" in kept:
        kept["items"] = _convert(kept["items"], definitions)
    kept.pop("examples", None)
    if "examples" in node:
        kept["description"] = f"{kept['description']} Example: {_text(node['examples'][0])}."
    return kept


def _text(example: Any) -> str:
    return ", ".join(map(str, example)) if isinstance(example, list) else str(example)


def _resolved(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The node with its reference inlined and its null alternative dropped; the nearer members win."""
    outer = {key: value for key, value in node.items() if key not in ("$ref", "anyOf", "allOf")}
    if "$ref" in node:
        return {**_resolved(definitions[node["$ref"].rsplit("/", 1)[-1]], definitions), **outer}
    if node.get(f"{_EXTENSION}int-or-string"):
        return node
    choices = [each for each in node.get("anyOf", ()) if each != {"type": "null"}]
    if choices:
        (only,) = choices
        return {**_resolved(only, definitions), **outer}
    return node


def fields(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of a structural schema with its dotted path, parents first."""
    for name, each in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here, each
        yield from fields(each, here)
        if "items" in each:
            yield from fields(each["items"], f"{here}[]")
