"""When the kubelet should start the operator again, and when it should leave it alone."""

import time
from collections.abc import AsyncIterator

import pytest

from llmfleet.settings import Settings
from llmfleet.shell.cluster import ApiServer
from llmfleet.shell.lease import Lease
from llmfleet.shell.pods import RuntimeClient
from llmfleet.shell.run import (
    BROKEN_WATCHES_UNTIL_UNHEALTHY,
    DEFECTS_UNTIL_UNHEALTHY,
    STUCK_SECONDS,
    Operator,
)
from llmfleet.shell.telemetry import Metrics
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


def test_passes_that_fail_on_defects_are_not(operator: Operator) -> None:
    operator._reconciles.bugs, operator._ticks.bugs = DEFECTS_UNTIL_UNHEALTHY - 1, 0
    assert operator.livez() == ""
    operator._ticks.bugs = 1
    assert operator.livez() == "20 passes failed on defects"


def test_an_idle_cluster_is_as_good_as_a_busy_one(operator: Operator) -> None:
    """Nothing that happens, or not, in the cluster counts: the heart beats by itself."""
    operator._beat = time.monotonic() - STUCK_SECONDS + 1
    assert operator.livez() == ""
