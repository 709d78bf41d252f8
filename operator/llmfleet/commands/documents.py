"""YAML files as Kubernetes reads them."""

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any, TextIO

import yaml
from yaml.constructor import ConstructorError

from llmfleet import names
from llmfleet.core.world import Raw


def documents(stream: TextIO) -> Iterator[Any]:
    """Each document of a stream. YAMLError, with the place, where it is none or a key stands twice."""
    return yaml.load_all(stream, _Strict)


def objects(stream: TextIO) -> list[dict[str, Any]]:
    """Every object of a YAML stream; lists, those of Kubernetes included, are opened.

    ValueError for what is no object, YAMLError.
    """
    found: list[dict[str, Any]] = []
    for document in documents(stream):
        entries = document if isinstance(document, list) else [document]
        for entry in entries:
            found += entry["items"] if isinstance(entry, dict) and str(entry.get("kind")).endswith("List") else [entry]
    return [_checked(each, stream.name) for each in found if each is not None]


def _checked(raw: Any, source: str) -> dict[str, Any]:
    if not (isinstance(raw, dict) and raw.get("kind") and isinstance(raw.get("metadata"), dict)):
        raise ValueError(f"{source} holds something that is no Kubernetes object: {str(raw)[:80]!r}")
    named = isinstance(raw["metadata"].get("name"), str)
    if raw["kind"] == names.KIND and (raw.get("apiVersion"), named) != (names.API_VERSION, True):
        raise ValueError(f"{source}: a {names.KIND} needs apiVersion {names.API_VERSION} and a text as metadata.name")
    return raw


def placed(raw: dict[str, Any], namespace: str) -> Raw:
    """In a namespace, where it names none itself."""
    return {**raw, "metadata": {"namespace": namespace, **raw["metadata"]}, "spec": raw.get("spec") or {}}


class _Strict(yaml.SafeLoader):
    """The server refuses a key that stands twice; the library's loader keeps the last and says nothing.

    A time is text to Kubernetes (sigs.k8s.io/yaml), a datetime to the library.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 because the library's port says so
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        often = Counter(key.value for key in keys)
        for key in keys:
            if often[key.value] > 1:
                raise ConstructorError(None, None, f"the key {key.value!r} stands twice", key.start_mark)
        return super().construct_mapping(node, deep)


_Strict.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in each if tag != "tag:yaml.org,2002:timestamp"]
    for first, each in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
