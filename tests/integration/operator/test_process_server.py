"""The operator as a process: silent at rest, killed midway, one of two leads."""

import json
import time

import pytest

from e2e.stack.audit import AuditLog
from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster
REST_SECONDS = 20


def rest(audit: AuditLog, user: str) -> int:
    """Wait until nothing was written for three seconds; where the log ends then."""
    while True:
        position = audit.end()
        time.sleep(3)
        if not audit.writes(position, user):
            return audit.end()


@pytest.mark.proves("R02")
def test_at_rest_nothing_is_written_but_the_lease(start: Start, fleet: Fleet, user: str, audit: AuditLog) -> None:
    start()
    fleet.create()
    fleet.await_condition("Ready")
    position = rest(audit, user)
    time.sleep(REST_SECONDS)
    assert [str(each) for each in audit.writes(position, user)] == []
    leases = [each for each in audit.since(position, user) if each.resource == "leases"]
    assert leases


FULL = {
    "accelerator": {"products": ["NVIDIA-H100-80GB-HBM3"]},
    "engine": {
        "maxModelLen": 512,
        "env": [{"name": "EMPTY", "value": ""}],
        "args": [{"name": "enable-auto-tool-choice"}],
    },
    "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"cpu": 2}, "sharedMemory": "2048Mi"},
    "pod": {
        "labels": {"empty": ""},
        "annotations": {"empty": ""},
        "nodeSelector": {"type": "kwok"},
        "tolerations": [{"key": "a", "operator": "Equal", "value": ""}, {"operator": "Exists"}],
        "topologySpread": [{"topologyKey": "kubernetes.io/hostname"}],
        "imagePullSecrets": ["none"],
    },
    "service": {"port": 80, "annotations": {"empty": ""}},
}


@pytest.mark.proves("R02")
def test_nothing_of_a_full_spec_comes_back_as_an_edit(start: Start, fleet: Fleet, user: str, audit: AuditLog) -> None:
    """The server writes quantities in its own way, leaves empty texts out and fills defaults in."""
    start()
    fleet.create(**FULL)
    fleet.await_condition("Ready")
    position = rest(audit, user)
    fleet.kubectl("annotate", "llm", "qwen", "example.com/poke=1")
    assert rest(audit, user) > position
    assert [str(each) for each in audit.writes(position, user)] == []


@pytest.mark.proves("R46")
def test_the_object_itself_is_never_written_but_its_status(
    start: Start, fleet: Fleet, user: str, audit: AuditLog
) -> None:
    position = audit.end()
    start()
    fleet.create()
    fleet.await_condition("Ready")
    fleet.edit(engine={"maxModelLen": 512}, lifecycle={"drainTimeoutSeconds": 5})
    fleet.await_condition("Ready")
    fleet.kubectl("delete", "llm", "qwen")
    rest(audit, user)
    of_object = [each for each in audit.writes(position, user) if each.resource == "llmdeployments"]
    assert {each.subresource for each in of_object} == {"status"}


@pytest.mark.proves("R66", "R67")
def test_all_that_is_asked_is_granted_and_of_its_namespace(
    start: Start, fleet: Fleet, user: str, audit: AuditLog
) -> None:
    position = audit.end()
    start()
    fleet.create()
    fleet.await_condition("Ready")
    fleet.edit(replicas=1, engine={"maxModelLen": 512})
    fleet.await_condition("Ready")
    rest(audit, user)
    asked = audit.since(position, user)
    assert [str(each) for each in asked if each.code in (401, 403)] == []
    assert {each.namespace for each in asked if each.resource} == {fleet.namespace}


def test_killed_midway_and_started_again_it_goes_on_and_nothing_is_lost(start: Start, fleet: Fleet) -> None:
    first = start()
    fleet.create()
    fleet.await_condition("Ready")
    fleet.edit(engine={"maxModelLen": 512})
    eventually(fleet.sizes, lambda sizes: len(sizes) == 2)
    first.kill()
    least = fleet.ready_pods()
    assert least >= 2
    start("again")
    fleet.await_condition("Ready")
    eventually(fleet.sizes, lambda sizes: len(sizes) == 1)
    assert fleet.ready_pods() == 2


@pytest.mark.proves("R30")
def test_an_edit_while_the_operator_is_away_is_acted_on_when_it_is_back(start: Start, fleet: Fleet) -> None:
    first = start()
    fleet.create()
    fleet.await_condition("Ready")
    first.kill()
    fleet.edit(replicas=3)
    start("again")
    eventually(fleet.ready_pods, lambda ready: ready == 3)


@pytest.mark.proves("R30")
def test_pods_that_die_while_the_operator_is_away_are_replaced_and_the_service_keeps_its_pods(
    start: Start, fleet: Fleet
) -> None:
    first = start()
    fleet.create(replicas=3)
    fleet.await_condition("Ready")
    [one, two, _] = [pod["metadata"]["name"] for pod in fleet.list("pods")]
    first.kill()
    fleet.edit(engine={"maxModelLen": 512}, replicas=4)
    for dying in (one, two):
        fleet.kubectl("delete", "pod", dying, "--grace-period=0", "--force")
        serving = eventually(lambda: targets(fleet), lambda found, gone=dying: gone not in found)
        assert len(serving) >= 2
        eventually(lambda: targets(fleet), lambda found: len(found) == 3)
    start("again")
    seen: list[int] = []

    def look() -> dict[str, object]:
        seen.append(len(targets(fleet)))
        return fleet.condition("Ready")

    eventually(look, lambda found: found.get("status") == "True")
    assert min(seen) >= 3
    assert (len(targets(fleet)), len(fleet.sizes())) == (4, 1)


def targets(fleet: Fleet) -> set[str]:
    """Pods that the Service sends requests to."""
    slices = json.loads(fleet.kubectl("get", "endpointslices", "-l", "kubernetes.io/service-name=qwen", "-o", "json"))
    found = [endpoint for each in slices["items"] for endpoint in each.get("endpoints") or ()]
    return {each["targetRef"]["name"] for each in found if each["conditions"].get("ready")}


@pytest.mark.proves("R26")
def test_the_second_replica_waits_and_takes_over_within_seconds(start: Start, fleet: Fleet) -> None:
    first = start()
    second = start("second", until_leading=False)
    eventually(lambda: second.page("/readyz"), lambda found: found[0] == 200)
    assert (first.is_leading, second.is_leading) == (True, False)
    begun = time.monotonic()
    assert first.terminate() == 0
    eventually(lambda: second.is_leading, bool, seconds=10)
    assert time.monotonic() - begun < 10
    fleet.create(replicas=1)
    fleet.await_condition("Ready")


@pytest.mark.proves("R26")
def test_a_killed_leader_is_replaced_after_its_lease(start: Start, fleet: Fleet) -> None:
    first = start()
    second = start("second", until_leading=False)
    eventually(lambda: second.page("/livez"), lambda found: found[0] == 200)
    first.kill()
    eventually(lambda: second.is_leading, bool, seconds=15)
    fleet.create(replicas=1)
    fleet.await_condition("Ready")


def test_health_and_metrics_answer(start: Start, fleet: Fleet) -> None:
    operator = start()
    fleet.create(replicas=1)
    fleet.await_condition("Ready")
    assert [operator.page(path) for path in ("/livez", "/readyz")] == [(200, "ok")] * 2
    gauge = f'llmfleet_ready_replicas{{name="qwen",namespace="{fleet.namespace}"}} 1.0'
    eventually(lambda: operator.page("/metrics")[1], lambda text: gauge in text, seconds=10)


@pytest.mark.proves("R27")
def test_sigterm_ends_it_cleanly_and_gives_the_lease_back(start: Start, fleet: Fleet) -> None:
    operator = start()
    assert operator.terminate() == 0
    holder = fleet.kubectl("get", "lease", "llmfleet", "-o", "jsonpath={.spec.holderIdentity}")
    assert holder == ""
    assert "Traceback" not in operator.log.read_text(encoding="utf-8")
