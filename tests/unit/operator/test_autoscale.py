"""One autoscaling tick after another: what is recorded, when, and under which manager."""

from collections.abc import Sequence

import pytest

from llmfleet.core.pods import PodView
from llmfleet.core.scaling.objective import Objective, Objectives
from llmfleet.core.scaling.sample import Latencies, Sample, sample
from llmfleet.settings import Settings
from llmfleet.shell.autoscale import policy
from llmfleet.shell.errors import Refused, Unavailable
from llmfleet.shell.ports import Key
from llmfleet_runtime.contract import LoadReport
from tests.builders import NOW, deployment, parsed, with_autoscaling, with_spec
from tests.fakes import FakeOperator
from tests.simulator import Simulator

AUTOSCALED = (with_autoscaling(1, 4), with_spec(engine={"maxConcurrency": 2}))
BUSY, IDLE = Sample(running=2.0, waiting=30.0), Sample(running=0.0, waiting=0.0)


async def settled(*modifiers, wall: str = NOW) -> FakeOperator:
    made = FakeOperator(Simulator(deployment(*(modifiers or AUTOSCALED))))
    made.clock.wall = wall
    await made.settle(12)
    made.cluster.writes.clear()
    return made


async def look(made: FakeOperator, times: int = 1, load: Sample | None = IDLE) -> None:
    made.pods.load = load
    for _ in range(times):
        made.clock.now += 2
        await made.tick()
        await made.reconcile()
        made.world.step()


def recorded(made: FakeOperator) -> dict:
    return dict(made.world.raw["status"]["autoscaling"])


def samples_of(made: FakeOperator, name: str) -> list:
    return [each for family in made.metrics.registry.collect() for each in family.samples if each.name == name]


async def test_a_decision_is_recorded_under_its_own_manager_and_sizes_the_fleet() -> None:
    made = await settled()
    await look(made, 12, BUSY)
    assert (recorded(made)["desired"], made.world.ready()) == (4, 4)
    assert {manager for manager, members in made.cluster.statuses if "autoscaling" in members} == {
        "llmfleet-autoscaler"
    }


async def test_a_constant_load_is_silent() -> None:
    made = await settled()
    await look(made, 60, Sample(running=2.0, waiting=2.0))
    made.cluster.writes.clear()
    await look(made, 60, Sample(running=2.0, waiting=2.0))
    assert made.cluster.writes == []


def busy(pod: str, now: float) -> Sample:
    """A pod that finishes two requests a second, with fifty in its batch and ever more waiting."""
    done = 2 * now
    first, token = Latencies(9 * done, done), Latencies(20 * done, 200 * done)
    return Sample(50.0, 10 + now, pod, 1.0, 0.0, 0.5, 1000 * done, first, token, first)


async def test_latency_targets_size_the_fleet_by_what_the_pods_count(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = {"timeToFirstToken": {"milliseconds": 2000}, "timePerOutputToken": {"milliseconds": 50}}
    made = await settled(with_spec(autoscaling={"maxReplicas": 4, "targets": targets}))

    async def samples(pods: Sequence[PodView]) -> tuple[Sample, ...]:
        return tuple(busy(pod.uid, made.clock.now) for pod in pods)

    monkeypatch.setattr(made.pods, "samples", samples)
    await look(made, 40)
    assert recorded(made)["desired"] == 4
    told = recorded(made)["history"][0]
    assert "requests/s now" in told["message"]
    assert "work off what has piled up" in told["message"]


OFFICE = {"name": "office", "start": "0 8 * * *", "durationSeconds": 36_000, "minReplicas": 3}


async def test_a_schedule_moves_the_bounds_when_it_begins_and_when_it_ends() -> None:
    made = await settled(*AUTOSCALED, with_spec(autoscaling={"schedules": [OFFICE]}), wall="2026-11-21T07:59:59Z")
    await look(made, 4)
    assert (made.world.ready(), recorded(made)["nextScheduleChange"]) == (1, "2026-11-21T08:00:00Z")
    made.clock.wall = "2026-11-21T08:00:00Z"
    await look(made, 8)
    assert (made.world.ready(), recorded(made)["nextScheduleChange"]) == (3, "2026-11-21T18:00:00Z")
    assert (recorded(made)["reason"], recorded(made)["limitedBy"]) == ("Schedule", "Schedule")
    told = recorded(made)["history"][-1]
    assert (told["from"], told["to"], told["reason"]) == (1, 3, "Schedule")
    assert told["message"].endswith("at least 3 by schedule office")
    made.clock.wall = "2026-11-21T18:00:00Z"
    await look(made, 80)
    assert made.world.ready() == 1
    assert "limitedBy" not in recorded(made)


async def test_a_schedule_starts_a_fleet_that_sleeps() -> None:
    asleep = {"minReplicas": 0, "maxReplicas": 4, "targets": {"queueDepth": 4}, "schedules": [OFFICE]}
    made = FakeOperator(Simulator(deployment(with_spec(replicas=0))))
    await made.settle()
    made.world.edit(replicas=None, autoscaling=asleep)
    made.clock.wall = "2026-11-21T07:00:00Z"
    await look(made, 4)
    scaling = next(each for each in made.world.raw["status"]["conditions"] if each["type"] == "ScalingActive")
    assert scaling["reason"] == "ScaledToZero"
    assert "or the schedules' next change, at 2026-11-21T08:00:00Z, starts it" in scaling["message"]
    made.clock.wall = "2026-11-21T08:00:00Z"
    await look(made, 8)
    assert made.world.ready() == 3


@pytest.mark.proves("S90")
async def test_a_schedule_that_cannot_be_followed_hurts_no_fleet_and_is_told() -> None:
    made = await settled(*AUTOSCALED, with_spec(autoscaling={"schedules": [{**OFFICE, "timeZone": "Europe/Wien"}]}))
    made.clock.wall = "2026-11-21T08:00:00Z"
    await look(made, 12, BUSY)
    assert made.world.ready() == 4
    conditions = {each["type"]: each for each in made.world.raw["status"]["conditions"]}
    assert (conditions["ScalingActive"]["status"], conditions["ScalingActive"]["reason"]) == (
        "False",
        "InvalidSchedule",
    )
    assert "schedule office: timeZone 'Europe/Wien' is none" in conditions["ScalingActive"]["message"]
    assert conditions["Ready"]["status"] == "True"
    assert ("Warning", "InvalidSchedule") in [event[:2] for event in made.cluster.events]


async def test_a_watched_fleet_is_told_what_would_be_done_and_keeps_its_size() -> None:
    made = await settled()
    made.world.edit(autoscaling={"mode": "Observe"}, replicas=2)
    await look(made, 12, BUSY)
    assert (recorded(made)["desired"], made.world.ready()) == (4, 2)
    scaling = next(each for each in made.world.raw["status"]["conditions"] if each["type"] == "ScalingActive")
    assert (scaling["status"], scaling["reason"]) == ("False", "Observing")
    assert not [reason for _, reason, _ in made.cluster.events if reason.startswith("Scaled")]


async def test_an_idle_fleet_goes_back_to_its_minimum() -> None:
    made = await settled()
    await look(made, 12, BUSY)
    await look(made, 120, IDLE)
    assert (made.world.ready(), recorded(made)["desired"]) == (1, 1)


@pytest.mark.proves("R61", "F39")
async def test_silent_pods_hold_the_size_and_say_so() -> None:
    made = await settled()
    await look(made, 12, BUSY)
    await look(made, 120, None)
    assert (made.world.ready(), recorded(made)["loadSeen"]) == (4, False)
    labels = {"namespace": "team-a", "name": "qwen"}
    assert made.metrics.registry.get_sample_value("llmfleet_heard_pods", labels) == 0
    reasons = {each.labels["reason"] for each in samples_of(made, "llmfleet_scaling_reason")}
    assert reasons == {"NoData"}
    assert [event[:2] for event in made.cluster.events].count(("Warning", "NoData")) == 1
    scaling = next(each for each in made.world.raw["status"]["conditions"] if each["type"] == "ScalingActive")
    assert scaling["reason"] == "LoadUnavailable"


async def test_the_history_is_bounded() -> None:
    made = await settled()
    for _ in range(6):
        await look(made, 8, BUSY)
        await look(made, 70, IDLE)
    assert len(recorded(made)["history"]) == 10


@pytest.mark.parametrize(
    "modifiers",
    [
        pytest.param([with_spec(replicas=2)], id="not autoscaled"),
        pytest.param([with_autoscaling(3, 1), with_spec(replicas=-1)], id="invalid"),
    ],
)
async def test_a_fleet_that_is_not_autoscaled_is_not_looked_at(modifiers: list) -> None:
    made = FakeOperator(Simulator(deployment(*modifiers)))
    assert await made.tick() is None
    assert made.cluster.writes == []


async def test_a_paused_fleet_is_watched_and_not_sized() -> None:
    made = await settled()
    made.world.edit(paused=True)
    await look(made, 20, BUSY)
    assert not [write for write in made.cluster.writes if "autoscaler" in write]
    assert await made.tick() == Settings().autoscale_tick_seconds


async def test_a_restarted_operator_keeps_the_size_it_finds() -> None:
    made = await settled()
    await look(made, 12, BUSY)
    again = FakeOperator(made.world)
    await look(again, 20, IDLE)
    assert (again.world.ready(), recorded(again)["desired"]) == (4, 4)


async def test_autoscaling_taken_away_keeps_the_size() -> None:
    made = await settled()
    await look(made, 12, BUSY)
    made.world.edit(autoscaling=None)
    await look(made, 12, IDLE)
    assert made.world.ready() == 4


@pytest.mark.parametrize("error", [Unavailable("503"), Refused("no", 403)])
async def test_a_decision_that_cannot_be_written_is_decided_again(error: Exception) -> None:
    made = await settled()
    made.cluster.refusals["status llmfleet-autoscaler"] = error
    with pytest.raises(type(error)):
        await look(made, 12, BUSY)
    made.cluster.refusals.clear()
    await look(made, 12, BUSY)
    assert made.world.ready() == 4


async def test_an_account_has_the_decisions_the_loads_and_what_is_called_for() -> None:
    made = await settled()
    await look(made, 12, BUSY)
    found = made.autoscaler.account(made.key, 3600)
    told = [(each.from_, each.to, each.reason) for each in found.decisions]
    assert told == [(1, 4, "RateLimited"), (4, 4, "MaxReplicas")]
    assert (found.called_for, found.standing.desired, found.least, found.most) == (18, 4, 1, 4)
    assert (found.points[-1].wanted, found.points[-1].in_flight) == (4, 128.0)
    assert len(found.sources) == 2


async def test_an_operator_that_started_anew_tells_what_the_status_has() -> None:
    made = await settled()
    await look(made, 12, BUSY)
    again = FakeOperator(made.world)
    again.see()
    found = again.autoscaler.account(again.key, 3600)
    assert ([each.to for each in found.decisions], found.points) == ([4], ())
    assert found.sources == ("the last ten decisions of the status",)


@pytest.mark.parametrize(("key", "status"), [(Key("team-a", "none"), 404), (Key("team-a", "qwen"), 409)])
async def test_a_fleet_that_nobody_sizes_has_no_account(key: Key, status: int) -> None:
    made = FakeOperator(Simulator(deployment(with_spec(replicas=2))))
    await made.settle()
    with pytest.raises(Refused) as error:
        made.autoscaler.account(key, 3600)
    assert error.value.status == status


async def test_what_is_remembered_goes_with_the_object() -> None:
    made = await settled()
    await look(made, 2, BUSY)
    made.autoscaler.forget(made.world.raw["metadata"]["uid"])
    found = made.autoscaler
    assert (found._memories, found._written, found._chronicles) == ({}, {}, {})


def test_spec_and_settings_make_the_policy() -> None:
    found = policy(parsed(deployment(*AUTOSCALED)), Settings(stable_window_seconds=30, scale_down_hold_seconds=90))
    assert (found.min_replicas, found.max_replicas, found.queue_depth, found.max_concurrency) == (1, 4, 4, 2)
    assert (found.stable_window_seconds, found.hold_down_seconds) == (30, 90)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ({"queueDepth": 4}, None),
        ({"queueDepth": 4, "kvCacheUtilizationPercent": 85}, Objectives(kv_cache_usage=0.85)),
        (
            {"timeToFirstToken": {"milliseconds": 2000}, "timePerOutputToken": {"percentile": 99, "milliseconds": 50}},
            Objectives(Objective(0.95, 2.0), Objective(0.99, 0.05)),
        ),
    ],
)
def test_latency_targets_are_objectives_in_seconds(targets: dict, expected: Objectives | None) -> None:
    spec = {"autoscaling": {"maxReplicas": 4, "targets": targets}}
    assert policy(parsed(deployment(with_spec(**spec))), Settings()).objectives == expected


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('{"version": 1, "started": 1.0, "inFlight": 3, "running": 2, "waiting": 1}', Sample(2.0, 1.0, "a", 1.0)),
        ('{"version": 1, "started": 1.0, "inFlight": 3}', Sample(pod="a", started=1.0)),
        ('{"version": 1, "started": 1.0, "inFlight": 3, "running": 2, "x": {}}', Sample(2.0, None, "a", 1.0)),
    ],
)
def test_a_page_of_load_is_a_sample_whose_absent_numbers_stay_absent(page: str, expected: Sample) -> None:
    assert sample(LoadReport.model_validate_json(page), "a") == expected
