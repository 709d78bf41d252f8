"""Events without repeats, and metrics that go with their object."""

from dataclasses import replace

import pytest

from llmfleet.api.conditions import ConditionType, Reason, condition
from llmfleet.api.status import ConditionStatus, RolloutPath, RolloutStatus, Start, StartupPhases, Status
from llmfleet.core.rollout import Bounds, Path
from llmfleet.shell.errors import Unavailable
from llmfleet.shell.telemetry import Events, Metrics
from tests.builders import NOW, deployment, with_metadata, with_spec
from tests.fakes import FakeCluster, FakeOperator
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


IN_PLACE = Path(RolloutPath.IN_PLACE, Reason.NO_FREE_GPU, "1 of 2 replicas serve", Bounds(0, 1))
LARGER = replace(IN_PLACE, message="3 of 4 replicas serve")
WAITING = Path(RolloutPath.WAITING, Reason.WAITING_FOR_IDLE, "begins after 60 s", Bounds(0, 0))
SURGE = Path(RolloutPath.SURGE, Reason.AS_REQUESTED, "at most 1 more", Bounds(1, 0))
DIPPING = Path(RolloutPath.SURGE, Reason.AS_REQUESTED, "at most 1 more, at most 1 fewer", Bounds(1, 1))


def going(path: Path | None, revision: str = "aaa") -> Status:
    if path is None:
        return Status()
    told = {"path": path.path, "reason": path.reason, "message": path.message}
    return Status(rollout=RolloutStatus(revision=revision, done=0, of=2, since=NOW, **told))


@pytest.mark.proves("R58")
@pytest.mark.parametrize(
    ("past", "path", "revision", "told"),
    [
        pytest.param(None, IN_PLACE, "aaa", True, id="a dip"),
        pytest.param(None, WAITING, "aaa", True, id="a wait"),
        pytest.param(None, SURGE, "aaa", False, id="nothing is lost"),
        pytest.param(None, DIPPING, "aaa", True, id="a dip that a surge allows"),
        pytest.param(SURGE, DIPPING, "aaa", True, id="one that is allowed later"),
        pytest.param(DIPPING, DIPPING, "aaa", False, id="a surge's told already"),
        pytest.param(IN_PLACE, IN_PLACE, "aaa", False, id="told already"),
        pytest.param(IN_PLACE, IN_PLACE, "bbb", True, id="another revision"),
        pytest.param(IN_PLACE, LARGER, "aaa", True, id="another number"),
    ],
)
async def test_a_way_that_costs_capacity_is_told_once_with_its_numbers(
    past: Path | None,
    path: Path,
    revision: str,
    told: bool,  # noqa: FBT001 because parametrize gives it
) -> None:
    events, cluster = made()
    await events.foretell(OWN, going(past), going(path, revision), path)
    expected = ("Normal", path.reason, f"revision {revision}: {path.message}")
    assert cluster.events == ([expected] if told else [])


@pytest.mark.proves("R58")
@pytest.mark.parametrize("rollout", [{"type": "InPlace"}, {"type": "Surge", "surge": {"maxUnavailable": 1}}], ids=str)
async def test_a_dip_is_an_event_before_a_pod_is_taken(rollout: dict) -> None:
    operator = FakeOperator(Simulator(deployment(with_spec(replicas=2, rollout=rollout))))
    await operator.settle()
    before = operator.world.sizes()
    operator.world.edit(engine={"maxModelLen": 512})
    await operator.reconcile()
    assert "AsRequested" in [reason for _, reason, _ in operator.cluster.events]
    assert before.items() <= operator.world.sizes().items()
    await operator.settle(2)
    assert not before.items() <= operator.world.sizes().items()


def in_place() -> FakeOperator:
    return FakeOperator(Simulator(deployment(with_spec(replicas=2, rollout={"type": "InPlace"}))))


@pytest.mark.proves("R58", "R05")
async def test_a_dip_is_an_event_although_the_operator_is_killed_before_its_status_is_written() -> None:
    operator = in_place()
    await operator.settle()
    operator.world.edit(engine={"maxModelLen": 512})
    operator.cluster.refusals["status"] = Unavailable("killed")
    with pytest.raises(Unavailable):
        await operator.reconcile()
    assert "AsRequested" in [reason for _, reason, _ in operator.cluster.events]
    await FakeOperator(operator.world).settle(1)
    assert operator.world.raw["status"]["rollout"]["path"] == "InPlace"


@pytest.mark.proves("R58")
async def test_a_dip_whose_event_the_server_did_not_take_is_one_at_the_next_pass() -> None:
    operator = in_place()
    await operator.settle()
    operator.world.edit(engine={"maxModelLen": 512})
    operator.cluster.refusals["event"] = Unavailable("503")
    await operator.reconcile()
    assert operator.world.raw["status"]["rollout"]["path"] == "InPlace"
    operator.cluster.refusals.clear()
    for _ in range(3):
        await operator.reconcile()
    assert [reason for _, reason, _ in operator.cluster.events].count("AsRequested") == 1


async def test_an_event_that_is_owed_is_so_for_as_long_as_its_way_costs_something() -> None:
    events, cluster = made()
    cluster.refusals["event"] = Unavailable("503")
    await events.foretell(OWN, Status(), going(IN_PLACE), IN_PLACE)
    await events.foretell(OWN, going(IN_PLACE), going(SURGE), SURGE)
    cluster.refusals.clear()
    await events.foretell(OWN, going(IN_PLACE), going(IN_PLACE), IN_PLACE)
    assert cluster.events == []


async def test_nothing_is_owed_to_an_object_that_is_gone() -> None:
    events, cluster = made()
    cluster.refusals["event"] = Unavailable("503")
    await events.foretell(OWN, Status(), going(IN_PLACE), IN_PLACE)
    events.forget(OWN["metadata"]["uid"])
    cluster.refusals.clear()
    await events.foretell(OWN, going(IN_PLACE), going(IN_PLACE), IN_PLACE)
    assert cluster.events == []


def test_series_of_an_object_that_is_gone_are_dropped() -> None:
    metrics = Metrics()
    metrics.standing.hold("a", "x", Status(ready_replicas=1))
    metrics.decisions.labels("a", "x", "Panic").inc()
    metrics.standing.hold("a", "y", Status(ready_replicas=2))
    metrics.forget("a", "x")
    metrics.forget("a", "never-there")
    value = metrics.registry.get_sample_value
    assert value("llmfleet_ready_replicas", {"namespace": "a", "name": "x"}) is None
    assert value("llmfleet_ready_replicas", {"namespace": "a", "name": "y"}) == 2


def test_how_a_fleet_stands_is_read_as_it_was_told_last() -> None:
    metrics = Metrics()
    metrics.standing.hold("a", "x", status(ready=False).model_copy(update={"desired_replicas": 3, "ready_replicas": 1}))
    metrics.standing.hold("a", "x", status(ready=True).model_copy(update={"desired_replicas": 2, "ready_replicas": 2}))
    fleet, value = {"namespace": "a", "name": "x"}, metrics.registry.get_sample_value
    assert value("llmfleet_desired_replicas", fleet) == value("llmfleet_ready_replicas", fleet) == 2
    conditions = {"Ready": 1, "Reconciling": 0, "Stalled": 0}
    assert {each: value("llmfleet_condition", {**fleet, "type": each}) for each in conditions} == conditions


def test_a_fleets_drained_requests_are_told_from_zero_on() -> None:
    metrics, fleet = Metrics(), {"namespace": "a", "name": "x"}
    for _ in range(2):
        metrics.expect("a", "x")
        assert metrics.registry.get_sample_value("llmfleet_aborted_requests_total", fleet) == 0
        metrics.forget("a", "x")
        assert metrics.registry.get_sample_value("llmfleet_aborted_requests_total", fleet) is None


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
