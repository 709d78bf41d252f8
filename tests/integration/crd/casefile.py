"""The case files: for each constraint of the CRD, values that are accepted and values that are refused.

An entry places each value of ``accept`` and ``refuse`` at the path ``at`` of the smallest legal object. ``[]`` in a
path is a list with one entry, ``*`` a map with one key; ``beside`` holds what such an entry needs besides.
``of`` names the constraint; ``says`` what a refusal must say, by default the field and what is allowed;
``row`` the rows of the catalogue that it proves.
With ``old`` the object is stored with that value first and then updated.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmfleet_runtime.contract import ALLOWED_ARGUMENTS

FOLDER = Path(__file__).parent / "cases"
KEY = "team"
_ABSENT = object()


@dataclass(frozen=True)
class Case:
    """One object that must be accepted or refused."""

    name: str
    at: str
    of: str
    accepted: bool
    document: dict[str, Any]
    old: dict[str, Any] | None
    says: tuple[str, ...] = field(default=())
    rows: tuple[str, ...] = ()
    """Rows of the catalogue that it proves."""

    @property
    def param(self) -> Any:
        """It as a parameter of a test, marked with its rows."""
        return pytest.param(self, id=self.name, marks=[pytest.mark.proves(*self.rows)] if self.rows else [])

    @property
    def path(self) -> str:
        """The field as the API server writes it."""
        return self.at.replace("[]", "[0]").replace("*", KEY)


def cases() -> list[Case]:
    """Every case of every file, in order."""
    return [case for path in sorted(FOLDER.glob("*.yaml")) for entry in _load(path) for case in _expand(path, entry)]


def smallest() -> dict[str, Any]:
    """The shortest legal object."""
    return {
        "apiVersion": "llmfleet.io/v1alpha1",
        "kind": "LLMDeployment",
        "metadata": {"name": "case"},
        "spec": {"model": {"uri": "hf://org/name"}},
    }


def _expand(path: Path, entry: dict[str, Any]) -> Iterator[Case]:
    says, row = entry.get("says", ()), entry.get("row", ())
    for at in [entry["at"]] if isinstance(entry["at"], str) else entry["at"]:
        old = _placed(at, entry["old"], entry) if "old" in entry else None
        for accepted in (True, False):
            for index, value in enumerate(entry.get("accept" if accepted else "refuse", ())):
                verb = "accepts" if accepted else "refuses"
                yield Case(
                    name=f"{path.stem}: {at or 'object'} {entry.get('of', 'text')} {verb} {index + 1}",
                    at=at,
                    of=entry.get("of", ""),
                    accepted=accepted,
                    document=_placed(at, value, entry),
                    old=old,
                    says=(says,) if isinstance(says, str) else tuple(says),
                    rows=(row,) if isinstance(row, str) else tuple(row),
                )


def _placed(at: str, value: object, entry: dict[str, Any]) -> dict[str, Any]:
    """The smallest object with the value at the path."""
    document = _merged(smallest(), entry.get("given", {}))
    placed: dict[str, Any] = _merged(document, _nested(at.split(".") if at else [], value, entry.get("beside", {})))
    return placed


def _nested(steps: list[str], value: object, beside: dict[str, Any]) -> Any:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    inner = _nested(rest, value, beside)
    if step == "*":
        return {KEY: inner}
    if step.endswith("[]"):
        return {step[:-2]: [beside | inner if rest else inner]}
    return {step: inner}


def _merged(under: Any, over: Any) -> Any:
    """A JSON merge patch; ``!absent`` takes a member away."""
    if not isinstance(under, dict) or not isinstance(over, dict):
        return copy.deepcopy(over)
    both = {name: _merged(under.get(name), each) for name, each in over.items() if each is not _ABSENT}
    return {name: each for name, each in under.items() if name not in over} | both


class _Loader(yaml.SafeLoader):
    """YAML with tags for what is long or many."""


def _load(path: Path) -> list[dict[str, Any]]:
    loader = _Loader(path.read_text(encoding="utf-8"))
    try:
        entries: list[dict[str, Any]] = loader.get_single_data()
    finally:
        loader.dispose()
    return entries


def _sequence(loader: yaml.SafeLoader, node: yaml.Node) -> list[Any]:
    assert isinstance(node, yaml.SequenceNode)
    return loader.construct_sequence(node, deep=True)


def _numbered(value: Any, number: int) -> Any:
    if isinstance(value, dict):
        return {_numbered(key, number): _numbered(each, number) for key, each in value.items()}
    return value.replace("%d", str(number)) if isinstance(value, str) else value


def _repeat(loader: yaml.SafeLoader, node: yaml.Node) -> str:
    """``!repeat [text, times, before?, after?]``."""
    text, times, *around = _sequence(loader, node)
    before, after = [*around, "", ""][:2]
    return f"{before}{text * times}{after}"


def _many(loader: yaml.SafeLoader, node: yaml.Node) -> list[Any]:
    """``!many [times, value]``: a list, with ``%d`` in the value counting up."""
    times, value = _sequence(loader, node)
    return [_numbered(value, number) for number in range(times)]


def _keys(loader: yaml.SafeLoader, node: yaml.Node) -> dict[str, str]:
    """``!keys [times, key]``: a map, with ``%d`` in the key counting up."""
    times, key = _sequence(loader, node)
    return {_numbered(key, number): "x" for number in range(times)}


def _arguments(loader: yaml.SafeLoader, node: yaml.Node) -> list[dict[str, str]]:
    """``!arguments [times]``: that many of the allowed engine arguments."""
    (times,) = _sequence(loader, node)
    return [{"name": name} for name in ALLOWED_ARGUMENTS[:times]]


def _absent(_loader: yaml.SafeLoader, _node: yaml.Node) -> object:
    return _ABSENT


for _tag, _make in (
    ("repeat", _repeat),
    ("many", _many),
    ("keys", _keys),
    ("arguments", _arguments),
    ("absent", _absent),
):
    _Loader.add_constructor(f"!{_tag}", _make)
