"""Events without repeats, and metrics that go with their object."""

import pytest

from llmfleet.api.conditions import ConditionType, Reason, condition
from llmfleet.api.status import ConditionStatus, Status
from llmfleet.shell.errors import Unavailable
from llmfleet.shell.telemetry import Events, Metrics
from tests.builders import NOW, deployment, with_metadata
from tests.fakes import FakeCluster
from tests.simulator import Simulator

OWN = deployment()


def made() -> tuple[Events, FakeCluster]:
    cluster = FakeCluster(Simulator(OWN))
    return Events(cluster, lambda: NOW), cluster


def status(ready: bool, stalled: Reason | None = None) -> Status:  # noqa: FBT001 because it is the subject
    def of(kind: ConditionType, is_true: bool, reason: Reason):  # noqa: FBT001 because of the same
        return condition(kind, ConditionStatus.TRUE if is_true else ConditionStatus.FALSE, reason, "words", 1)

    return Status(
        served_revision="0123456789",
        conditions=(
            of(ConditionType.READY, ready, Reason.ALL_REPLICAS_READY if ready else stalled or Reason.STARTING),
            of(ConditionType.RECONCILING, not ready and not stalled, Reason.STARTING),
            of(ConditionType.STALLED, stalled is not None, stalled or Reason.NO_FAILURE),
        ),
    )


@pytest.mark.proves("R41")
async def test_the_same_event_of_the_same_object_is_posted_once() -> None:
    events, cluster = made()
    for _ in range(3):
        await events.post(OWN, "Normal", "Scaling", "1 -> 2")
    assert cluster.events == [("Normal", "Scaling", "1 -> 2")]


async def test_another_message_or_object_is_another_event() -> None:
    events, cluster = made()
    await events.post(OWN, "Normal", "Scaling", "1 -> 2")
    await events.post(OWN, "Normal", "Scaling", "2 -> 3")
    await events.post(deployment(with_metadata(uid="another")), "Normal", "Scaling", "1 -> 2")
    assert len(cluster.events) == 3


async def test_an_event_that_failed_is_posted_at_the_next_occasion() -> None:
    events, cluster = made()
    cluster.refusals["event"] = Unavailable("503")
    await events.post(OWN, "Normal", "Scaling", "1 -> 2")
    cluster.refusals.clear()
    await events.post(OWN, "Normal", "Scaling", "1 -> 2")
    assert len(cluster.events) == 1


@pytest.mark.proves("R41")
async def test_only_what_changed_and_is_true_becomes_an_event() -> None:
    events, cluster = made()
    await events.changed(OWN, Status(served_revision="0123456789"), status(ready=False))
    await events.changed(OWN, status(ready=False), status(ready=False))
    await events.changed(OWN, status(ready=False), status(ready=True))
    await events.changed(OWN, status(ready=True), status(ready=False, stalled=Reason.NAME_TAKEN))
    assert [(kind, reason) for kind, reason, _ in cluster.events] == [
        ("Normal", "Starting"),
        ("Normal", "AllReplicasReady"),
        ("Warning", "NameTaken"),
    ]


async def test_of_a_new_fleet_only_what_is_wrong_becomes_an_event() -> None:
    events, cluster = made()
    new = status(ready=False).model_copy(update={"served_revision": None})
    await events.changed(OWN, Status(), new)
    await events.changed(OWN, new, status(ready=True))
    assert cluster.events == []
    await events.changed(OWN, new, status(ready=False, stalled=Reason.NAME_TAKEN))
    assert [reason for _, reason, _ in cluster.events] == ["NameTaken"]


def test_series_of_an_object_that_is_gone_are_dropped() -> None:
    metrics = Metrics()
    metrics.ready.labels("a", "x").set(1)
    metrics.decisions.labels("a", "x", "Panic").inc()
    metrics.ready.labels("a", "y").set(2)
    metrics.forget("a", "x")
    metrics.forget("a", "never-there")
    value = metrics.registry.get_sample_value
    assert value("llmfleet_ready_replicas", {"namespace": "a", "name": "x"}) is None
    assert value("llmfleet_ready_replicas", {"namespace": "a", "name": "y"}) == 2
