"""Pages of load that are lost or wrong while the load falls, as the operator that runs reads them from pods."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from llmfleet_runtime.contract import LOAD_PATH, STATUS_PATH
from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually
from tests.integration.operator.played_pod import PlayedPod, answers_at, busy_pod, load

pytestmark = pytest.mark.cluster
QUICK = {"STABLE_WINDOW_SECONDS": "5", "SCALE_DOWN_HOLD_SECONDS": "5", "AUTOSCALE_TICK_SECONDS": "1"}
LONG_ENOUGH_SECONDS = 14
"""In which a fleet without load shrinks by far under these settings."""
BUSY = 6
"""Requests in each of three pods, which two could not carry."""


class Fleets:
    """Three pods whose load is told over HTTP."""

    def __init__(self) -> None:
        self.in_flight = BUSY
        self.pods: list[PlayedPod] = []

    def spoil(self, fault: Callable[[], Callable[[bytes], bytes | None]]) -> None:
        for pod in self.pods:
            pod.spoil = fault()


def frozen() -> Callable[[bytes], bytes | None]:
    """What was said first is said for ever."""
    first: list[bytes] = []

    def repeat(page: bytes) -> bytes:
        first.append(page)
        return first[0]

    return repeat


FAULTS: dict[str, Callable[[], Callable[[bytes], bytes | None]]] = {
    "dropped": lambda: lambda _: None,
    "cut": lambda: lambda page: page[: len(page) // 2],
    "no number": lambda: lambda page: re.sub(rb'("running"): ?[^,}]+', rb"\1: NaN", page),
    "endless": lambda: lambda page: page + b" " * 2**21,
}


@pytest.fixture
def played(start: Start, fleet: Fleet) -> Iterator[Fleets]:
    """A fleet of three that may be one, and is busy."""
    start(**QUICK)
    targets = {"maxReplicas": 3, "targets": {"queueDepth": 4}}
    fleet.create(replicas=None, autoscaling={"minReplicas": 3, **targets}, engine={"maxConcurrency": 4})
    eventually(fleet.ready_pods, lambda ready: ready == 3)
    made = Fleets()
    pages = {STATUS_PATH: busy_pod(BUSY)[STATUS_PATH], LOAD_PATH: lambda: load(made.in_flight)}
    with ExitStack() as stack:
        for pod in fleet.list("pods"):
            made.pods.append(stack.enter_context(answers_at(pod["status"]["podIP"], pages)))
        fleet.edit(autoscaling={"minReplicas": 1})
        eventually(lambda: fleet.get()["status"].get("autoscaling", {}), lambda told: told.get("reason") == "Steady")
        yield made


def assert_it_stays(fleet: Fleet, seconds: float) -> None:
    with pytest.raises(AssertionError, match="not within"):
        eventually(fleet.sizes, lambda sizes: set(sizes.values()) != {3}, seconds=seconds)


@pytest.mark.timeout(240)
@pytest.mark.proves("F39")
def test_load_that_is_lost_or_wrong_while_it_falls_releases_nothing_and_true_load_does(
    fleet: Fleet, played: Fleets
) -> None:
    played.spoil(frozen)
    assert_it_stays(fleet, 3)
    played.in_flight = 0
    assert_it_stays(fleet, LONG_ENOUGH_SECONDS)
    for name, fault in FAULTS.items():
        played.spoil(fault)
        assert_it_stays(fleet, LONG_ENOUGH_SECONDS)
        assert fleet.get()["status"]["autoscaling"]["reason"] in ("NoData", "LowTrust"), name
    assert fleet.condition("ScalingActive")["reason"] == "LoadUnavailable"
    played.spoil(lambda: lambda page: page)
    eventually(fleet.sizes, lambda sizes: set(sizes.values()) == {1})
