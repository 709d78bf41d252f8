"""YAML files as Kubernetes reads them."""

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any, TextIO

import yaml
from yaml.constructor import ConstructorError


def documents(stream: TextIO) -> Iterator[Any]:
    """Each document of a stream. YAMLError, with the place, where it is none or a key stands twice."""
    return yaml.load_all(stream, _Strict)


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
