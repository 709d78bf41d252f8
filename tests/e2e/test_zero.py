"""To zero and back with a real engine: nobody asks, somebody calls, and the reasons can be read afterwards."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from e2e.stack import Fleet, Stack, sample
from e2e.stack.fleet import condition

SLEEPY = {"minReplicas": 0, "maxReplicas": 1, "scaleToZeroAfterSeconds": 10}


@pytest.fixture
def sleepy(stack: Stack) -> Iterator[Fleet]:
    """Asleep, as nobody asked it anything."""
    fleet = stack.fleet("sleepy")
    fleet.delete()
    fleet.apply(sample("sleepy", autoscaling=SLEEPY))
    fleet.until_ready_replicas(1, seconds=240)
    fleet.until(lambda seen: condition(seen, "Ready")["reason"] == "ScaledToZero", "asleep")
    yield fleet
    fleet.delete()


def llmfleet(stack: Stack, *arguments: str) -> str:
    """What the command prints, under the rights of the cluster's administrator."""
    environment = {**os.environ, **(stack.kubectl.environment or {})}
    command = [sys.executable, "-m", "llmfleet", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_fleet_that_sleeps_refuses_requests_and_a_call_through_a_port_forward_wakes_it(
    sleepy: Fleet, stack: Stack
) -> None:
    with pytest.raises((urllib.error.URLError, OSError)):
        urllib.request.urlopen(f"{sleepy.url()}/v1/models", timeout=5)
    said = llmfleet(stack, "wake", "sleepy")
    assert said.startswith("sleepy is waking: 0 -> 1 replicas (Woken: ")
    sleepy.until_ready_replicas(1, seconds=240)
    with urllib.request.urlopen(f"{sleepy.url()}/v1/models", timeout=30) as answer:
        assert answer.status == 200
    told = llmfleet(stack, "explain", "sleepy", "--picture")
    assert "1 → 0  Idle" in told
    assert "0 → 1  Woken" in told
    assert "the memory of the operator since" in told
    assert "replicas" in told.split("default/sleepy")[0]
