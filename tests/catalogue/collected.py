"""Which tests prove which rows, asked of pytest itself."""

import contextlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pytest

from tests.catalogue.plugin import RESULTS, rows_of
from tests.catalogue.rows import Row

NOT_RUN = "not run"
COLLECT = ("--collect-only", "--continue-on-collection-errors", "-qq", "--assert=plain", "-p", "no:randomly")
"""Plain, because pytest can rewrite no module that is loaded already, and ours is."""


@dataclass(frozen=True)
class Proof:
    """The tests of one row: function -> last result over its parameters."""

    row: Row
    tests: Mapping[str, str] = field(default_factory=dict)

    @property
    def levels(self) -> tuple[str, ...]:
        """The folders under ``tests`` that prove it."""
        return tuple(dict.fromkeys(test.split("/")[1] for test in self.tests))

    @property
    def result(self) -> str:
        """The worst of its tests; empty without one."""
        return worst(self.tests.values())


def worst(results: Iterable[str]) -> str:
    """One word for several results."""
    found = set(results)
    return next((each for each in ("failed", NOT_RUN, "skipped", "passed") if each in found), "")


class _Collector:
    def __init__(self) -> None:
        self.rows: dict[str, set[str]] = {}
        self.results: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Before any is left out: a soak proves its row although it runs only when asked for."""
        self.rows = {item.nodeid: rows_of(item) for item in items}
        self.results = config.cache.get(RESULTS, {}) if config.cache else {}


def proofs(known: Mapping[str, Row]) -> tuple[dict[str, Proof], str]:
    """Every row with its tests, and pytest's last words where some tests cannot be collected."""
    collector, said = _Collector(), io.StringIO()
    with contextlib.redirect_stdout(said):
        status = pytest.main([*COLLECT, "tests"], plugins=[collector])
    found = {each: Proof(row, proving(each, collector.rows, collector.results)) for each, row in known.items()}
    return found, "" if status == pytest.ExitCode.OK else said.getvalue()[-2000:]


def proving(row: str, rows: Mapping[str, set[str]], results: Mapping[str, str]) -> dict[str, str]:
    """The functions that prove a row, with their worst result; ``rows`` and ``results`` are by node id."""
    found: dict[str, list[str]] = {}
    for test in sorted(each for each, proved in rows.items() if row in proved):
        found.setdefault(test.split("[")[0], []).append(results.get(test, NOT_RUN))
    return {test: worst(each) for test, each in found.items()}
