"""Events without repeats, and metrics that go with their object."""

import pytest

from llmfleet.api.conditions import ConditionType, Reason, condition
from llmfleet.api.status import ConditionStatus, RolloutPath, RolloutStatus, Start, StartupPhases, Status
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


def going(path: RolloutPath, revision: str = "aaa", message: str = "1 of 2 replicas serve") -> Status:
    way = RolloutStatus(revision=revision, path=path, reason="NoFreeGPU", message=message, done=0, of=2, since=NOW)
    return Status(rollout=way)


@pytest.mark.proves("R58")
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param(Status(), going(RolloutPath.IN_PLACE), True, id="a dip"),
        pytest.param(Status(), going(RolloutPath.WAITING), True, id="a wait"),
        pytest.param(Status(), going(RolloutPath.SURGE), False, id="nothing is lost"),
        pytest.param(going(RolloutPath.IN_PLACE), going(RolloutPath.IN_PLACE), False, id="told already"),
        pytest.param(going(RolloutPath.IN_PLACE), going(RolloutPath.IN_PLACE, "bbb"), True, id="another revision"),
        pytest.param(
            going(RolloutPath.IN_PLACE), going(RolloutPath.IN_PLACE, message="3 of 4 replicas serve"), True,
            id="another number",
        ),
    ],
)  # fmt: skip
async def test_a_way_that_costs_capacity_is_told_once_with_its_numbers(old: Status, new: Status, told: bool) -> None:  # noqa: FBT001 because parametrize gives it
    events, cluster = made()
    await events.changed(OWN, old, new)
    assert [message for _, _, message in cluster.events] == (
        [f"revision {new.rollout.revision}: {new.rollout.message}"] if told and new.rollout else []
    )


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


async def test_an_adapter_that_fails_is_an_event_and_one_that_loads_is_none() -> None:
    events, cluster = made()
    for reason in (Reason.ADAPTERS_LOADING, Reason.ADAPTER_INVALID):
        kind = ConditionType.ADAPTERS_READY
        await events.changed(
            OWN, Status(), Status(conditions=(condition(kind, ConditionStatus.FALSE, reason, "words", 1),))
        )
    assert cluster.events == [("Warning", "AdapterInvalid", "words")]


@pytest.mark.parametrize("status", [ConditionStatus.FALSE, ConditionStatus.TRUE])
async def test_an_engine_that_is_not_known_is_an_event_and_one_that_is_none(status: ConditionStatus) -> None:
    events, cluster = made()
    found = condition(ConditionType.ENGINE_VERIFIED, status, Reason.METRIC_UNKNOWN, "words", 1)
    await events.changed(OWN, Status(), Status(conditions=(found,)))
    told = [("Warning", "MetricUnknown", "words")]
    assert cluster.events == (told if status is ConditionStatus.FALSE else [])


def test_the_phases_of_a_start_are_measured() -> None:
    metrics = Metrics()
    metrics.time(Start(pod="a", seconds=9, phases=StartupPhases(schedule=0, pull=1, download=2, load=3, warm_up=3)))
    value = metrics.registry.get_sample_value
    sums = {phase: value("llmfleet_startup_seconds_sum", {"phase": phase}) for phase in ("pull", "download", "warm_up")}
    assert sums == {"pull": 1, "download": 2, "warm_up": 3}
