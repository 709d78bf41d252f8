"""A JSON object from a file nobody vouches for: every value is checked for its kind and size when it is asked for."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .errors import BadModel, NotSaid

MOST = 2**31
"""No size in a model's configuration is larger; what is, was put there to do harm."""

MOST_TEXT = 1000
"""Characters: the longest name or pattern of layers that means anything."""


class Section:
    """A JSON object and where it stands; absent, null and false are the same."""

    def __init__(self, place: str, values: Mapping[str, Any]) -> None:
        """Wrap a parsed object; ``place`` is for messages, such as ``config.json: text_config``."""
        self.place = place
        self.values = values

    @classmethod
    def parse(cls, file: str, data: bytes) -> "Section":
        """Raises ``BadModel`` for anything but one JSON object, too deeply nested ones included."""
        try:
            values = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BadModel(f"{file}: no JSON that can be read ({type(error).__name__})") from None
        if not isinstance(values, dict):
            raise BadModel(f"{file}: a JSON object is expected")
        return cls(file, values)

    def found(self, *names: str, most: int = MOST) -> int | None:
        """The first of these members that is there, a whole number from 0 to ``most``."""
        for name in names:
            value = self.values.get(name)
            if value is None or value is False:
                continue
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
                raise BadModel(f"{self.place}: {name} must be a whole number from 0 to {most}, not {_shown(value)}")
            return value
        return None

    def number(self, *names: str, most: int = MOST) -> int:
        """Like ``found``, at least 1; raises ``NotSaid`` when none is there."""
        value = self.found(*names, most=most)
        if value is None:
            raise NotSaid(f"{self.place} does not say {names[0]}")
        if value == 0:
            raise BadModel(f"{self.place}: {names[0]} must not be 0")
        return value

    def text(self, name: str) -> str | None:
        """A string of at most ``MOST_TEXT`` characters."""
        value = self.values.get(name)
        if value is None or value is False:
            return None
        if not isinstance(value, str) or len(value) > MOST_TEXT:
            raise BadModel(f"{self.place}: {name} must be a short text, not {_shown(value)}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; empty when absent."""
        value = self.values.get(name) or ()
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            raise BadModel(f"{self.place}: {name} must be a list of texts, not {_shown(value)}")
        return tuple(value)

    def is_set(self, name: str, *, default: bool = False) -> bool:
        """A truth value."""
        value = self.values.get(name, default)
        return bool(default if value is None else value)

    def part(self, *names: str) -> "Section | None":
        """The first of these members that is an object."""
        for name in names:
            value = self.values.get(name)
            if isinstance(value, Mapping):
                return Section(f"{self.place}: {name}", value)
        return None

    def parts(self) -> "Iterator[Section]":
        """All members that are objects."""
        return (Section(f"{self.place}: {name}", each) for name, each in self.values.items() if isinstance(each, dict))

    def over(self, defaults: Mapping[str, Any]) -> "Section":
        """The same with what is absent taken from ``defaults``."""
        said = {name: value for name, value in self.values.items() if value is not None}
        return Section(self.place, {**defaults, **said})


def _shown(value: object) -> str:
    return repr(value)[:60]
