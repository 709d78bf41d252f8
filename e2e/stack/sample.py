"""The sample object and its variations."""

import copy
from pathlib import Path
from typing import Any

import yaml

SAMPLE_FILE = Path(__file__).with_name("sample.yaml")


def sample(name: str = "tiny", **spec: Any) -> dict[str, Any]:
    """The sample with other members of its spec: mappings are merged, None removes a member."""
    document: dict[str, Any] = copy.deepcopy(yaml.safe_load(SAMPLE_FILE.read_text()))
    document["metadata"]["name"] = name
    document["spec"] = merged(document["spec"], spec)
    return document


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """A JSON merge patch, RFC 7386."""
    result = dict(below)
    for key, value in above.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result
