"""Pytest's part: ``@pytest.mark.proves("R05")`` names known rows only, and the last result of such a test is kept."""

import pytest

from tests.catalogue.rows import rows

MARK = "proves"
RESULTS = "catalogue/results"
"""In pytest's cache: node id -> passed, failed or skipped."""


def rows_of(item: pytest.Item) -> set[str]:
    """The rows that a test says it proves."""
    return {row for mark in item.iter_markers(MARK) for row in mark.args}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse names that are no rows; let the others travel with the test's report."""
    known = rows().keys()
    unknown = {item.nodeid: sorted(rows_of(item) - known) for item in items if rows_of(item) - known}
    if unknown:
        said = "; ".join(f"{test}: {', '.join(names)}" for test, names in unknown.items())
        raise pytest.UsageError(f"no rows of tests/catalogue/rows.toml: {said}")
    for item in items:
        if rows_of(item):
            item.user_properties.append((MARK, sorted(rows_of(item))))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Recorder(config), "catalogue-recorder")


class _Recorder:
    """Keeps the results of one run, in the process that hears of all of them."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.results: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (MARK in dict(report.user_properties)) and (report.when == "call" or not report.passed):
            self.results[report.nodeid] = report.outcome

    def pytest_sessionfinish(self) -> None:
        cache = getattr(self.config, "cache", None)
        if self.results and cache and not hasattr(self.config, "workerinput"):
            cache.set(RESULTS, cache.get(RESULTS, {}) | self.results)
