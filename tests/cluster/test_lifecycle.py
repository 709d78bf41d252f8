"""`down` leaves the machine as it found it, however `up` ended; `up` works whatever it finds.

Takes down whatever clusters run, at the start and at the end: full has one bridge, one node and fixed ports, so it
cannot run twice. Run this file apart from tests that use a cluster, before or after them.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from e2e.cluster import Cluster, Profile, containers, down, find, layout, processes, up
from e2e.cluster.lifecycle import dead
from tests.cluster import host

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
Snapshot = dict[str, frozenset[str]]

SEED = int(os.environ.get("LLMFLEET_SEED", time.time()))
KILLS = 5


@pytest.fixture(scope="module")
def untouched() -> Iterator[Snapshot]:
    """The machine without any cluster, with everything built and installed."""
    down()
    up(Profile.FULL)
    down()
    yield host.snapshot()
    down()


@pytest.fixture(scope="module")
def usual_seconds(untouched: Snapshot) -> float:
    """How long `up` takes on this machine when everything is built."""
    started = time.monotonic()
    up(Profile.FULL)
    return time.monotonic() - started


@pytest.fixture(autouse=True)
def no_cluster() -> Iterator[None]:
    down()
    yield
    down()


def test_down_leaves_no_trace_of_a_cluster_with_pods(untouched: Snapshot) -> None:
    cluster = up(Profile.FULL)
    run_pods(cluster, 2)
    assert host.difference(untouched, host.snapshot())
    down()
    assert host.difference(untouched, host.snapshot()) == {}


@pytest.mark.parametrize("profile", [Profile.API, Profile.CONTROL])
def test_down_leaves_no_trace_of_the_smaller_profiles(untouched: Snapshot, profile: Profile) -> None:
    assert up(profile).kubectl("get", "namespaces", "-oname")
    down()
    assert host.difference(untouched, host.snapshot()) == {}


@pytest.mark.parametrize("attempt", range(KILLS))
def test_down_leaves_no_trace_when_up_is_killed(untouched: Snapshot, usual_seconds: float, attempt: int) -> None:
    moment = random.Random(SEED + attempt).uniform(0.1, usual_seconds)
    print(f"LLMFLEET_SEED={SEED} attempt {attempt}: SIGKILL after {moment:.2f} s of about {usual_seconds:.2f} s")  # noqa: T201 because it repeats the run
    stop_up(signal.SIGKILL, moment)
    down()
    assert host.difference(untouched, host.snapshot()) == {}


def test_down_leaves_no_trace_after_ctrl_c(untouched: Snapshot, usual_seconds: float) -> None:
    assert stop_up(signal.SIGINT, usual_seconds / 2) == 130
    down()
    assert host.difference(untouched, host.snapshot()) == {}


def test_up_works_after_up_was_killed(untouched: Snapshot, usual_seconds: float) -> None:
    stop_up(signal.SIGKILL, usual_seconds * 0.7)
    run_pods(up(Profile.FULL), 1)


def test_up_works_after_everything_was_killed(untouched: Snapshot) -> None:
    run_pods(up(Profile.FULL), 1)
    processes.kill(layout.cluster_dir())
    assert find(Profile.FULL) is None
    run_pods(up(Profile.FULL), 1)
    down()
    assert host.difference(untouched, host.snapshot()) == {}


def test_a_dead_component_is_noticed(untouched: Snapshot) -> None:
    cluster = up(Profile.CONTROL)
    processes.kill(cluster.run_dir, lambda process: process.component == "kube-scheduler")
    assert dead(cluster) == {"kube-scheduler"}
    assert find(Profile.CONTROL) is None


def test_a_second_up_says_so_within_three_seconds(untouched: Snapshot) -> None:
    first = up(Profile.FULL)
    started = time.monotonic()
    assert up(Profile.FULL) == first
    assert time.monotonic() - started < 3


def test_all_profiles_run_side_by_side(untouched: Snapshot) -> None:
    clusters = [up(profile) for profile in Profile]
    down(Profile.CONTROL)
    assert [find(cluster.profile) for cluster in clusters] == [clusters[0], None, clusters[2]]


def stop_up(how: signal.Signals, after: float) -> int:
    """Start `up` as a user does, send it a signal after so many seconds, and return its exit status."""
    command = [sys.executable, "-m", "e2e.cluster", "up", "--profile", "full"]
    # What a script starts in the background is born deaf to Ctrl-C, and so would be all its children.
    deaf = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    signal.signal(signal.SIGINT, deaf)
    time.sleep(after)
    process.send_signal(how)
    return process.wait()


def run_pods(cluster: Cluster, count: int) -> None:
    """Run pods of the one image every cluster has, and wait until they are ready."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {"containers": [{"name": "pause", "image": containers.PAUSE_IMAGE}]},
    }
    pods = [{**pod, "metadata": {"name": f"pod-{number}"}} for number in range(count)]
    cluster.kubectl("apply", "-f-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
    cluster.kubectl("wait", "--for=condition=Ready", "pod", "--all", "--timeout=60s")
