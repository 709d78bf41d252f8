"""One running stack for all scenarios, and fleets of each engine that several scenarios share."""

from collections.abc import Iterator

import pytest

from e2e import cluster as clusters
from e2e import engine
from e2e.cluster import Profile, progress
from e2e.stack import Fleet, Stack, bring_up, images, volume
from e2e.stack.fleet import is_settled
from e2e.stack.kubectl import Document
from tests.e2e.scenario import Served, wait_for_kube_proxy

# Each scenario waits for real engines: some start three of them, one after the other, on two cores.
TIMEOUT_SECONDS = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "e2e" and "unit" not in item.path.parts:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS))


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole of it; a cluster that was not running before is taken down again."""
    was_running = clusters.find(Profile.FULL) is not None
    yield bring_up(progress.choose())
    if not was_running:
        clusters.down(Profile.FULL, report=progress.choose())


@pytest.fixture(scope="session")
def llamacpp(stack: Stack) -> Document:
    """What the sample needs to be served by llama.cpp."""
    assert stack.cluster is not None
    environment = engine.llamacpp()
    clusters.up(Profile.FULL, binds=(environment,))
    image = images.load(stack.cluster, images.build_llamacpp(environment))
    own = {"type": "LlamaCpp", "image": image}
    return {"model": {"uri": volume.provide_gguf(stack.cluster)}, "engine": own}


@pytest.fixture(scope="module", params=["VLLM", "LlamaCpp"])
def served(request: pytest.FixtureRequest) -> Served:
    """Each engine in turn; a scenario that has nothing to do with engines names one."""
    spec = {} if request.param == "VLLM" else request.getfixturevalue("llamacpp")
    return Served(request.param, spec)


@pytest.fixture(scope="module")
def steady_fleet(stack: Stack, served: Served) -> Iterator[Fleet]:
    """Two replicas of fixed number that batch many requests at once."""
    fleet = served.fleet(stack, "steady")
    fleet.delete()
    fleet.apply(served.sample(fleet, autoscaling=None, replicas=2, engine={"maxConcurrency": 32}))
    yield fleet
    fleet.delete(wait=False)


@pytest.fixture
def steady(steady_fleet: Fleet) -> Fleet:
    """The steady fleet with two ready replicas and nothing left to do, whatever ran before."""
    steady_fleet.until(lambda seen: is_settled(seen) and seen["status"]["readyReplicas"] == 2, "two ready replicas")
    wait_for_kube_proxy(steady_fleet)
    return steady_fleet
