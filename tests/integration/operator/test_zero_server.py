"""To zero and back on a real control plane."""

import pytest
from click.testing import CliRunner

from llmfleet.__main__ import main
from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually
from tests.integration.operator.played_pod import answers_at, idle_pod

pytestmark = pytest.mark.cluster
SLEEPY = {"minReplicas": 0, "maxReplicas": 4, "targets": {"queueDepth": 4}, "scaleToZeroAfterSeconds": 10}


def woken(namespace: str, port: int, *arguments: str) -> tuple[int, str]:
    address = f"http://127.0.0.1:{port}"
    found = CliRunner().invoke(main, ["wake", "qwen", "-n", namespace, "--operator", address, *arguments])
    return found.exit_code, found.output


def test_a_fleet_that_nobody_asks_goes_to_zero_and_a_call_brings_it_back(start: Start, fleet: Fleet) -> None:
    operator = start()
    fleet.create(replicas=None, autoscaling=SLEEPY)
    fleet.await_condition("Ready")
    (pod,) = fleet.list("pods")
    with answers_at(pod["status"]["podIP"], idle_pod()):
        eventually(lambda: fleet.condition("Ready"), lambda found: found.get("reason") == "ScaledToZero")
    assert (fleet.ready_pods(), set(fleet.sizes().values())) == (0, {0})
    assert f"`llmfleet wake qwen -n {fleet.namespace}` starts it" in fleet.condition("ScalingActive")["message"]
    code, said = woken(fleet.namespace, operator.loopback_port, "--replicas", "2")
    assert (code, said.split(" (")[0]) == (0, "qwen is waking: 0 -> 2 replicas")
    eventually(fleet.ready_pods, lambda ready: ready == 2)
    history = [(each["from"], each["to"], each["reason"]) for each in fleet.get()["status"]["autoscaling"]["history"]]
    assert history == [(1, 0, "Idle"), (0, 2, "Woken")]


def test_a_fleet_whose_pods_say_nothing_stays(start: Start, fleet: Fleet) -> None:
    start()
    fleet.create(replicas=None, autoscaling=SLEEPY)
    fleet.await_condition("Ready")
    eventually(lambda: fleet.condition("ScalingActive"), lambda found: found.get("reason") == "LoadUnavailable")
    with pytest.raises(AssertionError, match="not within"):
        eventually(fleet.sizes, lambda sizes: set(sizes.values()) != {1}, seconds=15)


def test_a_call_that_cannot_be_is_refused_with_what_to_do(start: Start, fleet: Fleet) -> None:
    operator = start()
    fleet.create(replicas=1)
    fleet.await_condition("Ready")
    code, said = woken(fleet.namespace, operator.loopback_port)
    assert (code, "it has no spec.autoscaling, so that spec.replicas is its size; set that" in said) == (1, True)


def test_a_schedule_moves_the_minimum_and_the_status_says_until_when(start: Start, fleet: Fleet) -> None:
    operator = start()
    fleet.create(replicas=None, autoscaling=SLEEPY)
    fleet.await_condition("Ready")
    minutes = {"name": "minutes", "start": "*/2 * * * *", "durationSeconds": 100, "minReplicas": 3}
    hours = {"name": "hours", "start": "0 * * * *", "durationSeconds": 3600, "minReplicas": 2}
    fleet.edit(autoscaling={"schedules": [hours, {**minutes, "timeZone": "Europe/Wien"}]})
    eventually(fleet.ready_pods, lambda ready: ready == 2)
    words = "schedule minutes: timeZone 'Europe/Wien' is none of the IANA database"
    told = eventually(lambda: fleet.condition("ScalingActive"), lambda found: words in found.get("message", ""))
    assert (told["status"], told["reason"]) in (("False", "InvalidSchedule"), ("False", "LoadUnavailable"))
    fleet.edit(autoscaling={"schedules": [hours, {**minutes, "timeZone": "Europe/Vienna"}]})
    eventually(fleet.ready_pods, lambda ready: ready == 3)
    decided = eventually(lambda: fleet.get()["status"]["autoscaling"], lambda found: found["desired"] == 3)
    assert (decided["reason"], decided["limitedBy"]) == ("Schedule", "Schedule")
    assert decided["nextScheduleChange"] > decided["since"]
    address = f"http://127.0.0.1:{operator.loopback_port}"
    story = CliRunner().invoke(main, ["explain", "qwen", "-n", fleet.namespace, "--operator", address])
    assert story.exit_code == 0, story.output
    assert "→ at least 3 by schedule minutes" in story.output
