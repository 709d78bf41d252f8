"""The API server falters; the operator lives on, asks no more than it may, and ends where it should."""

import time
from collections import Counter
from collections.abc import Iterable

import pytest

from llmfleet.settings import Settings
from tests.faults import oracles
from tests.faults.proxy import Exchange
from tests.faults.rules import (
    EVERYTHING,
    WRITES,
    WRITING,
    Delay,
    Drop,
    Effect,
    Error,
    Fault,
    Refuse,
    Silence,
    on,
)
from tests.faults.stage import Stage

pytestmark = pytest.mark.cluster
LOST_THE_LEASE = 1
SOAK = pytest.mark.soak
"""For variants whose siblings are fast enough for every run."""
BUT_THE_LEASE = on(besides=["leases"])
AS_SHIPPED = {"LEASE_DURATION_SECONDS": str(Settings.model_fields["lease_duration_seconds"].default)}


def often(exchanges: Iterable[Exchange], verb: str) -> Counter[str]:
    """How often each resource was asked for."""
    return Counter(each.request.resource for each in exchanges if each.request.verb == verb)


def shrink(stage: Stage, seconds: float = 60) -> None:
    """One replica less, and the operator brings it about in time."""
    stage.fleet.edit(replicas=1)
    stage.settle(seconds=seconds)
    assert list(stage.fleet.sizes().values()) == [1]
    assert oracles.defects(stage.log()) == []


@pytest.mark.proves("R20", "F10")
@pytest.mark.parametrize("effect", [Refuse(503), pytest.param(Drop(forwarded=False), marks=SOAK)], ids=["503", "cut"])
def test_an_outage_of_the_server_ends_nothing_but_the_lease(serving: Stage, effect: Effect) -> None:
    outlive(serving, effect, seconds=8)


@SOAK
@pytest.mark.timeout(0)
@pytest.mark.proves("R20", "F10")
@pytest.mark.parametrize("behind", [AS_SHIPPED], indirect=True, ids=["the Lease as shipped"])
@pytest.mark.parametrize(
    ("effect", "seconds"),
    [pytest.param(Refuse(503), 300, id="503 for 5 min"), pytest.param(Drop(forwarded=False), 600, id="cut for 10 min")],
)
def test_a_long_outage_of_the_server_ends_nothing_but_the_lease(behind: Stage, effect: Effect, seconds: float) -> None:
    behind.start()
    behind.fleet.create()
    behind.settle()
    outlive(behind, effect, seconds)


def outlive(stage: Stage, effect: Effect, seconds: float) -> None:
    """No pod notices an outage of so long, and what was edited meanwhile is acted on within a minute of its end."""
    pods = stage.pods()
    here = stage.arm(Fault(EVERYTHING, effect))
    stage.fleet.edit(lifecycle={"drainTimeoutSeconds": 5})
    end = time.monotonic() + seconds
    stage.until(lambda: time.monotonic() > end, "the outage is over", seconds + 5)
    assert oracles.writes(stage.since(here)) == []
    assert stage.exits in ([], [LOST_THE_LEASE])
    stage.arm()
    stage.settle(seconds=60)
    assert time.monotonic() - end <= 60
    assert stage.pods() == pods
    shrink(stage)


@pytest.mark.proves("R20", "F10")
def test_a_leader_that_keeps_its_lease_outlives_an_outage(serving: Stage) -> None:
    here = serving.arm(Fault(BUT_THE_LEASE, Refuse(503)))
    serving.fleet.edit(lifecycle={"drainTimeoutSeconds": 5})
    time.sleep(5)
    asked = len([each for each in serving.since(here) if each.request.resource != "leases"])
    assert asked < 60
    serving.arm()
    serving.settle(seconds=60)
    assert serving.exits == []
    shrink(serving)


@pytest.mark.proves("R10")
def test_a_corrected_spec_is_acted_on_at_once_however_long_the_back_off(serving: Stage) -> None:
    refused = Fault(on(WRITING, "services"), Refuse(503))
    serving.arm(refused)
    serving.fleet.edit(service={"port": 81})
    serving.until(lambda: serving.proxy.struck(refused) >= 5, "the next try is eight seconds away")
    serving.arm()
    serving.fleet.edit(service={"port": 82})
    port = "jsonpath={.spec.ports[0].port}"
    serving.until(lambda: serving.fleet.kubectl("get", "service", "qwen", "-o", port) == "82", "it is acted on", 3)


@pytest.mark.proves("R21", "F11")
def test_a_write_refused_for_now_is_tried_again_when_told_to(serving: Stage) -> None:
    told = 3
    here = serving.arm(Fault(WRITES, Refuse(429, retry_after=told), times=2))
    serving.fleet.edit(replicas=3)
    serving.settle()
    times = [each.at for each in serving.since(here) if each.request.is_write and each.request.resource != "leases"]
    assert min(times[1] - times[0], times[2] - times[1]) >= told - 0.1
    assert serving.exits == []


@pytest.mark.proves("R21", "F11")
def test_a_watch_refused_for_now_is_asked_for_no_oftener_than_told(serving: Stage) -> None:
    here = serving.arm(
        Fault(on("watch"), Error(410), times=6),
        Fault(on(["list", "watch"]), Refuse(429, retry_after=3)),
    )
    time.sleep(5)
    asked = often(serving.since(here), "list") + often(serving.since(here), "watch")
    assert asked
    assert max(asked.values()) <= 3
    serving.arm()
    shrink(serving)
    assert serving.exits == []


@pytest.mark.proves("R22", "F16")
@pytest.mark.parametrize("code", [500, pytest.param(429, marks=SOAK)])
def test_an_error_in_every_watch_ends_nothing(serving: Stage, code: int) -> None:
    fault = Fault(on("watch"), Error(code), times=8)
    serving.arm(fault)
    serving.until(lambda: serving.proxy.struck(fault), "the error is sent")
    shrink(serving, seconds=20)
    assert serving.exits == []


@pytest.mark.proves("R23", "F15")
def test_a_storm_of_410_makes_at_most_one_listing_a_second(serving: Stage) -> None:
    seconds = 6
    here = serving.arm(Fault(on("watch"), Error(410)))
    time.sleep(seconds)
    listings = often(serving.since(here), "list")
    assert listings
    assert max(listings.values()) <= seconds + 1
    shrink(serving)
    assert serving.exits == []


@pytest.mark.proves("F12", "R11")
def test_what_is_forbidden_is_said_and_all_else_goes_on(serving: Stage) -> None:
    serving.arm(Fault(on(WRITING, "poddisruptionbudgets"), Refuse(403)))
    serving.fleet.edit(replicas=3)
    serving.until(lambda: "injected 403" in str(serving.status()), "the refusal is said", 30)
    assert 'llmfleet_refusals_total{reason="Refused"}' in serving.operator.page("/metrics")[1]
    other = serving.another("other")
    other.create(replicas=1)
    other.await_condition("Ready")
    serving.arm()
    serving.fleet.kubectl("annotate", "llm", serving.fleet.name, "example.com/look=again")
    serving.settle()
    assert serving.exits == []


@pytest.mark.proves("F12")
@pytest.mark.parametrize("verbs", [["list", "watch"], pytest.param(["watch"], marks=SOAK)])
def test_a_watch_that_is_forbidden_leaves_the_others(serving: Stage, verbs: list[str]) -> None:
    serving.arm(
        Fault(on("watch", "poddisruptionbudgets"), Error(410), times=1),
        Fault(on(verbs, "poddisruptionbudgets"), Refuse(403)),
    )
    shrink(serving)
    assert serving.exits == []


@pytest.mark.proves("F14")
def test_a_slow_server_is_waited_for(behind: Stage) -> None:
    behind.arm(Fault(BUT_THE_LEASE, Delay(0.4)))
    behind.start()
    behind.fleet.create()
    behind.settle(seconds=60)
    assert behind.exits == []
    assert len([each for each in behind.since(0) if each.request.resource != "leases"]) < 60


@SOAK
@pytest.mark.proves("F14")
def test_a_leader_whose_renewals_come_too_late_yields_cleanly(serving: Stage) -> None:
    here = serving.arm(Fault(EVERYTHING, Delay(5.0)))
    serving.until(lambda: LOST_THE_LEASE in serving.exits, "the leader yields", 20)
    serving.fleet.edit(replicas=1)
    time.sleep(5)
    assert len(serving.since(here)) < 60
    serving.arm()
    serving.settle()
    assert set(serving.exits) == {LOST_THE_LEASE}
    assert oracles.defects(serving.log()) == []


@pytest.mark.proves("R24", "F17")
@pytest.mark.parametrize("behind", [{"WATCH_SILENCE_SECONDS": "5"}], indirect=True, ids=["5 s"])
def test_a_silent_watch_is_noticed(behind: Stage) -> None:
    behind.start()
    behind.fleet.create()
    behind.settle()
    behind.arm(Fault(on("watch"), Silence()))
    time.sleep(0.5)
    behind.arm()
    shrink(behind, seconds=20)
    assert behind.exits == []
