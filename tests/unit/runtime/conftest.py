"""Launchers over the stand-in engine."""

import pytest

from tests.unit.runtime.launched import launch_fake


@pytest.fixture
def start(tmp_path):
    """Start launchers that are gone after the test."""
    started = []

    def start(document=None, **fakes):
        started.append(launch_fake(tmp_path, document, **fakes))
        return started[-1]

    yield start
    for pod in started:
        pod.destroy()
