"""When the kubelet should start the operator again, and when it should leave it alone."""

import time
from collections.abc import AsyncIterator

import pytest
from prometheus_client import generate_latest

from llmfleet.settings import Settings
from llmfleet.shell.cluster import ApiServer
from llmfleet.shell.lease import Lease
from llmfleet.shell.pods import RuntimeClient
from llmfleet.shell.ports import Key
from llmfleet.shell.run import (
    BROKEN_WATCHES_UNTIL_UNHEALTHY,
    DEFECTIVE_UNTIL_UNHEALTHY,
    STUCK_SECONDS,
    Operator,
)
from llmfleet.shell.telemetry import Metrics
from tests.builders import deployment, with_metadata
from tests.fakes import FakeLeaseApi

pytestmark = pytest.mark.proves("R28")


@pytest.fixture
async def operator() -> AsyncIterator[Operator]:
    """One that has listed everything a moment ago."""
    pods = RuntimeClient()
    api = ApiServer(None)  # type: ignore[arg-type]  # because nothing is asked of the server here
    lease = Lease(FakeLeaseApi(), "system", "me", 15)  # type: ignore[arg-type]  # because the fake has what a Lease asks
    made = Operator(Settings(), api, lease, pods, Metrics())
    made._is_listed = True
    yield made
    await pods.close()


def test_an_operator_at_work_is_alive(operator: Operator) -> None:
    assert operator.livez() == ""


def test_a_loop_that_stood_still_is_not(operator: Operator) -> None:
    operator._beat = time.monotonic() - STUCK_SECONDS - 1
    assert operator.livez().startswith("no heartbeat for 31")


def test_a_first_listing_may_take_its_time(operator: Operator) -> None:
    operator._is_listed = False
    operator._beat = time.monotonic() - STUCK_SECONDS - 1
    assert operator.livez() == ""


def test_a_watch_that_breaks_again_and_again_is_not(operator: Operator) -> None:
    operator._vigil.broken = BROKEN_WATCHES_UNTIL_UNHEALTHY - 1
    assert operator.livez() == ""
    operator._vigil.broken += 1
    assert operator.livez() == "the watch broke 10 times in a row"


def fleets(count: int) -> list[Key]:
    return [Key("default", f"fleet-{number}") for number in range(count)]


def known(operator: Operator, count: int) -> None:
    for key in fleets(count):
        operator._cache.put(deployment(with_metadata(name=key.name, uid=key.name)))


@pytest.mark.proves("R11")
@pytest.mark.parametrize("poisoned", [1, 25])
def test_defects_over_some_fleets_are_no_reason_to_stop_for_the_others(operator: Operator, poisoned: int) -> None:
    known(operator, 50)
    operator._reconciles.defective.update(fleets(poisoned))
    assert operator.livez() == ""
    assert f"llmfleet_defective_fleets {poisoned}.0" in generate_latest(operator.metrics.registry).decode()


def test_defects_over_most_fleets_are(operator: Operator) -> None:
    known(operator, 50)
    operator._reconciles.defective.update(fleets(20))
    operator._ticks.defective.update(fleets(26)[10:])
    assert operator.livez() == "the passes of 26 of 50 fleets fail on defects"


@pytest.mark.proves("R11")
@pytest.mark.parametrize(("count", "is_alive"), [(DEFECTIVE_UNTIL_UNHEALTHY - 1, True), (3, False)])
def test_one_or_two_fleets_are_not_most(operator: Operator, count: int, *, is_alive: bool) -> None:
    known(operator, count)
    operator._reconciles.defective.update(fleets(count))
    assert (operator.livez() == "") is is_alive


def test_an_idle_cluster_is_as_good_as_a_busy_one(operator: Operator) -> None:
    """Nothing that happens, or not, in the cluster counts: the heart beats by itself."""
    operator._beat = time.monotonic() - STUCK_SECONDS + 1
    assert operator.livez() == ""
