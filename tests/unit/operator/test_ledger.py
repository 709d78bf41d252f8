"""A pod leaves a simulated fleet: status, metrics and Events tell what it cost, once."""

import pytest

from llmfleet.shell.errors import Unavailable
from tests.builders import Raw, deployment, left, with_spec
from tests.fakes import FakeOperator
from tests.simulator import Simulator, _with

LABELS = {"namespace": "team-a", "name": "qwen"}
COSTLY = {"inFlightAtStart": 5, "finished": 3, "aborted": 2, "seconds": 120.0}
CLEAN = {"inFlightAtStart": 4, "finished": 4, "aborted": 0, "seconds": 9.0}


async def shrinking() -> tuple[FakeOperator, str]:
    """A fleet of two on its way to one, and the pod that goes."""
    made = FakeOperator(Simulator(deployment(with_spec(replicas=2))))
    await made.settle()
    made.world.edit(replicas=1)
    await made.reconcile()
    made.world.step()
    await made.reconcile()
    made.cluster.events.clear()
    return made, next(iter(made.world.leaving))


def goes(made: FakeOperator, name: str, **farewell: object) -> Raw:
    """The watch tells that the pod is gone, with its last state."""
    last = _with(made.world.pods.pop(name), left(**farewell))
    made.world.leaving.pop(name)
    made.cache.drop(last)
    return last


def drains(made: FakeOperator) -> list[Raw]:
    return made.world.raw["status"].get("drains", [])


def counted(made: FakeOperator, name: str, **labels: str) -> float | None:
    return made.metrics.registry.get_sample_value(name, {**LABELS, **labels})


def requests(made: FakeOperator) -> tuple[float | None, ...]:
    """In flight when pods left, finished, aborted."""
    return tuple(counted(made, f"llmfleet_{what}_requests_total") for what in ("unrouted", "drained", "aborted"))


async def test_a_costly_leave_is_told_in_status_metrics_and_an_event() -> None:
    made, name = await shrinking()
    goes(made, name, **COSTLY)
    await made.reconcile()
    [entry] = drains(made)
    assert (entry["pod"], entry["inFlight"], entry["finished"], entry["aborted"]) == (name, 5, 3, 2)
    assert counted(made, "llmfleet_drained_pods_total", told="yes") == 1
    assert requests(made) == (5, 3, 2)
    assert made.metrics.registry.get_sample_value("llmfleet_drain_seconds_sum") == 120
    [event] = [event for event in made.cluster.events if event[1] == "RequestsAborted"]
    assert (event[0], name in event[2]) == ("Warning", True)


async def test_a_clean_leave_makes_no_event() -> None:
    made, name = await shrinking()
    goes(made, name, **CLEAN)
    await made.reconcile()
    assert (drains(made)[0]["aborted"], requests(made)) == (0, (4, 4, 0))
    assert "RequestsAborted" not in [event[1] for event in made.cluster.events]


async def test_a_pod_that_said_nothing_has_no_numbers() -> None:
    made, name = await shrinking()
    goes(made, name)
    await made.reconcile()
    assert [set(each) for each in drains(made)] == [{"pod", "time"}]
    assert counted(made, "llmfleet_drained_pods_total", told="no") == 1
    assert requests(made) == (0, 0, 0)


async def test_the_numbers_of_an_object_that_is_gone_go() -> None:
    made, name = await shrinking()
    goes(made, name, **COSTLY)
    await made.reconcile()
    made.metrics.forget(*made.key)
    assert requests(made) == (None, None, None)


async def test_a_leave_is_counted_once_however_often_it_is_heard_and_looked_at() -> None:
    made, name = await shrinking()
    last = goes(made, name, **COSTLY)
    for _ in range(3):
        await made.reconcile()
        made.cache.drop(last)
    assert (len(drains(made)), requests(made)) == (1, (5, 3, 2))
    assert len([event for event in made.cluster.events if event[1] == "RequestsAborted"]) == 1


async def test_a_leave_waits_for_a_pass_that_succeeds() -> None:
    made, name = await shrinking()
    goes(made, name, **COSTLY)
    made.cluster.refusals["status"] = Unavailable("503")
    with pytest.raises(Unavailable):
        await made.reconcile()
    assert counted(made, "llmfleet_aborted_requests_total") == 0
    made.cluster.refusals.clear()
    await made.reconcile()
    assert (len(drains(made)), counted(made, "llmfleet_aborted_requests_total")) == (1, 2)


async def test_a_new_operator_counts_nothing_again() -> None:
    made, name = await shrinking()
    goes(made, name, **COSTLY)
    await made.reconcile()
    again = FakeOperator(made.world)
    await again.reconcile()
    assert (drains(again), counted(again, "llmfleet_aborted_requests_total")) == (drains(made), 0)


async def test_five_are_remembered() -> None:
    made = FakeOperator(Simulator(deployment(with_spec(replicas=8)), gpus=9))
    await made.settle()
    made.world.edit(replicas=1)
    await made.settle()
    assert len(drains(made)) == 5
    assert counted(made, "llmfleet_drained_pods_total", told="no") == 7
