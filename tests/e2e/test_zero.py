"""To zero and back with each real engine: nobody asks, somebody calls, and the reasons can be read afterwards."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.stack import Fleet, Stack, chart
from e2e.stack.fleet import POD_LABEL, condition
from tests.e2e.scenario import Served
from tests.integration.operator.operator_process import kubeconfig_of

SLEEPY = {"minReplicas": 0, "maxReplicas": 1, "scaleToZeroAfterSeconds": 10}


@pytest.fixture
def sleepy(stack: Stack, served: Served) -> Iterator[Fleet]:
    """Asleep, as nobody asked it anything."""
    fleet = served.fleet(stack, "sleepy")
    fleet.delete()
    fleet.apply(served.sample(fleet, autoscaling=SLEEPY))
    fleet.until_ready_replicas(1, seconds=240)
    fleet.until(lambda seen: condition(seen, "Ready")["reason"] == "ScaledToZero", "asleep")
    # The pod that leaves answers until every proxy has forgotten it.
    fleet.kubectl.run("wait", "pods", "--selector", f"{POD_LABEL}={fleet.name}", "--for=delete", "--timeout=60s")
    yield fleet
    fleet.delete(wait=False)


@pytest.fixture
def caller(stack: Stack, tmp_path: Path) -> Path:
    """A kubeconfig for somebody who has the rights that README names, and no others."""
    assert stack.cluster
    inside, own = stack.kubectl.inside(chart.NAMESPACE), stack.kubectl
    account = f"--serviceaccount={chart.NAMESPACE}:caller"
    grants = (
        (inside, "reach", ("--verb=get", "--resource=leases.coordination.k8s.io,pods,pods/portforward")),
        (inside, "forward", ("--verb=create", "--resource=pods/portforward")),
        (own, "read", ("--verb=get", "--resource=llmdeployments.llmfleet.io")),
    )
    inside.run("delete", "serviceaccount", "caller", "--ignore-not-found")
    inside.run("create", "serviceaccount", "caller")
    for kubectl, name, rights in grants:
        kubectl.run("delete", "role,rolebinding", f"caller-{name}", "--ignore-not-found")
        kubectl.run("create", "role", f"caller-{name}", *rights)
        kubectl.run("create", "rolebinding", f"caller-{name}", f"--role=caller-{name}", account)
    return kubeconfig_of(stack.cluster, inside.namespace, tmp_path / "kubeconfig", "caller")


def llmfleet(kubeconfig: Path, *arguments: str) -> str:
    """What the command prints."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    command = [sys.executable, "-m", "llmfleet", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_fleet_that_sleeps_refuses_requests_and_a_call_through_a_port_forward_wakes_it(
    sleepy: Fleet, caller: Path
) -> None:
    with pytest.raises((urllib.error.URLError, OSError)):
        urllib.request.urlopen(f"{sleepy.url()}/v1/models", timeout=5)
    said = llmfleet(caller, "wake", sleepy.name)
    assert said.startswith(f"{sleepy.name} is waking: 0 -> 1 replicas (Woken: ")
    sleepy.until_ready_replicas(1, seconds=240)
    with urllib.request.urlopen(f"{sleepy.url()}/v1/models", timeout=30) as answer:
        assert answer.status == 200
    told = llmfleet(caller, "explain", sleepy.name, "--picture")
    assert "1 → 0  Idle" in told
    assert "0 → 1  Woken" in told
    assert "the memory of the operator since" in told
    assert "replicas" in told.split(f"default/{sleepy.name}")[0]
