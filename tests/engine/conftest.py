"""The real engine on the CPU, installed once, and launchers over it."""

import pytest

from e2e.engine import install, tiny_model
from tests.unit.runtime.launched import launch

READY_SECONDS = 120


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/engine" in item.nodeid:
            item.add_marker(pytest.mark.engine)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def python():
    """The interpreter of the engine's environment."""
    return str(install() / "bin" / "python3")


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def launch_real(python, model):
    """Start a launcher over real vLLM; the caller stops it."""

    def start(folder, **members):
        return launch(folder, {"model": str(model), **members}, python=python)

    return start


@pytest.fixture(scope="module")
def pod(launch_real, tmp_path_factory):
    """One ready pod that a module's tests share and leave as it was."""
    pod = launch_real(tmp_path_factory.mktemp("pod"))
    try:
        pod.until_ready(READY_SECONDS)
        yield pod
    finally:
        pod.destroy()


@pytest.fixture
def start(launch_real, tmp_path):
    """Start launchers that are gone after the test."""
    started = []

    def begin(**members):
        started.append(launch_real(tmp_path, **members))
        return started[-1]

    yield begin
    for pod in started:
        pod.destroy()
