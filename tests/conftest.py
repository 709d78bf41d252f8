"""Fast before slow, and what takes clusters down last. Hypothesis has no deadline: pytest-timeout is one."""

import asyncio
import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("usual", deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", parent=settings.get_profile("usual"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "usual"))

# Else pytest-asyncio asks for the present loop, asyncio makes one, and nobody closes it: a ResourceWarning at the end.
asyncio.set_event_loop(None)

pytest_plugins = ("tests.catalogue.plugin",)

LEVELS = (
    "unit",
    "property",
    "golden",
    "contract",
    "wire",
    "prometheus",
    "docs",
    "catalogue",
    "integration",
    "faults",
    "e2e",
    "engine",
    "cluster",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort by level, keeping the random order within each."""

    def level(item: pytest.Item) -> int:
        folder = item.path.relative_to(config.rootpath / "tests").parts[0]
        return LEVELS.index(folder) if folder in LEVELS else len(LEVELS)

    items.sort(key=level)
