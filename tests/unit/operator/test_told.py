"""What the autoscaler tells of what it decided and learned: in the status, as Events, and to whoever asks."""

from collections.abc import Sequence

import pytest

from llmfleet.core.pods import PodView
from llmfleet.core.scaling.sample import Latencies, Sample
from tests.builders import with_spec
from tests.fakes import FakeOperator
from tests.unit.operator.test_autoscale import BUSY, look, recorded, settled


async def test_each_change_is_told_with_its_numbers() -> None:
    made = await settled()
    await look(made, 12, BUSY)
    first = recorded(made)["history"][0]
    assert (first["from"], first["to"]) == (1, 4)
    assert "requests" in first["message"]
    told = [reason for _, reason, _ in made.cluster.events if reason.startswith("Scaled")]
    assert told == [f"Scaled{first['reason']}"]


def calm(pod: str, now: float) -> Sample:
    """A pod that finishes a request of ten tokens each second, one after the other: a step takes 0.1 s."""
    first, token, whole = Latencies(0.05 * now, now), Latencies(now, 10 * now), Latencies(0.1 * now, now)
    return Sample(1.0, 0.0, pod, 1.0, 0.0, 0.01, now, first, token, whole)


def of_calm_pods(made: FakeOperator, patch: pytest.MonkeyPatch) -> None:
    async def samples(pods: Sequence[PodView]) -> tuple[Sample, ...]:
        return tuple(calm(pod.uid, made.clock.now) for pod in pods)

    patch.setattr(made.pods, "samples", samples)


async def test_a_target_below_what_the_engine_takes_is_said_with_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = {"timePerOutputToken": {"milliseconds": 1}}
    made = await settled(with_spec(autoscaling={"maxReplicas": 4, "targets": targets}))
    of_calm_pods(made, monkeypatch)
    await look(made, 300)
    told = recorded(made)
    assert (told["reason"], told.get("limitedBy")) == ("ObjectiveUnreachable", "ObjectiveUnreachable")
    assert "cannot be kept by more replicas: alone a token takes" in told["message"]
    assert [event[:2] for event in made.cluster.events].count(("Warning", "ObjectiveUnreachable")) == 1


async def test_what_was_learned_is_written_once_and_a_new_operator_begins_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    targets = {"timePerOutputToken": {"milliseconds": 200}}
    made = await settled(with_spec(autoscaling={"maxReplicas": 4, "targets": targets}))
    of_calm_pods(made, monkeypatch)
    await look(made, 300)
    kept = recorded(made)["learned"]
    assert kept["stepMicroseconds"] > 0
    made.cluster.writes.clear()
    await look(made, 100)
    assert (recorded(made)["learned"], made.cluster.writes) == (kept, [])
    again = FakeOperator(made.world)
    again.clock.now = made.clock.now
    of_calm_pods(again, monkeypatch)
    await look(again, 20)
    told = again.autoscaler.account(again.key, 3600).standing
    assert "per replica at" in told.message
    assert recorded(again)["learned"] == kept


async def test_what_is_only_watched_is_told_once_and_remembered() -> None:
    made = await settled()
    made.world.edit(autoscaling={"mode": "Observe"}, replicas=2)
    await look(made, 100, BUSY)
    told = [(each["from"], each["to"]) for each in recorded(made)["history"]]
    assert told == [(2, 4)]
    changes = [(each.from_, each.to) for each in made.autoscaler.account(made.key, 3600).decisions]
    assert [each for each in changes if each[0] != each[1]] == told
    labels = {"namespace": "team-a", "name": "qwen"}
    assert made.metrics.registry.get_sample_value("llmfleet_decided_replicas", labels) == 4


async def test_an_account_has_the_numbers_of_the_last_look_also_where_the_reason_stays() -> None:
    made = await settled()
    await look(made, 40, Sample(running=1.0, waiting=0.0))
    await look(made, 40, Sample(running=2.0, waiting=1.0))
    told = made.autoscaler.account(made.key, 3600).standing
    assert told.reason == recorded(made)["reason"] == "Steady"
    assert "3.0 requests (1.0 waiting)" in told.message
    assert "3.0 requests" not in recorded(made)["message"]
    assert (told.since, told.desired) == (recorded(made)["since"], recorded(made)["desired"])
