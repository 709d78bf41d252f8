"""What others do to a fleet's surroundings: finalizers, Secrets, rights, the namespace, the Lease."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import Cluster
from e2e.stack.audit import AuditLog
from tests.builders import Raw, merged
from tests.faults import oracles
from tests.integration.operator.conftest import Start, fresh_namespace, grant
from tests.integration.operator.fleet import KINDS, Fleet
from tests.integration.operator.operator_process import OperatorProcess, eventually, kubeconfig_of

pytestmark = pytest.mark.cluster
QUIET_SECONDS = 5


@pytest.mark.proves("S87")
def test_a_finalizer_of_somebody_else_is_waited_for_without_a_write(
    start: Start, fleet: Fleet, user: str, audit: AuditLog
) -> None:
    start()
    document = merged(fleet.manifest(), {"metadata": {"finalizers": ["example.com/theirs"]}})
    fleet.kubectl("create", "-f", "-", document=document)
    fleet.await_condition("Ready")
    fleet.kubectl("delete", "llm", "qwen", "--wait=false")
    eventually(fleet.get, lambda raw: "deletionTimestamp" in raw["metadata"])
    time.sleep(1)
    position = audit.end()
    fleet.kubectl("annotate", "llm", "qwen", "example.com/poke=1")
    time.sleep(QUIET_SECONDS)
    assert [str(each) for each in audit.writes(position, user)] == []
    assert fleet.get()["metadata"]["finalizers"] == ["example.com/theirs"]
    assert fleet.ready_pods() == 2
    fleet.kubectl("patch", "llm", "qwen", "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
    eventually(lambda: fleet.list(f"{KINDS},pods"), lambda found: found == [])


@pytest.mark.proves("F41")
@pytest.mark.parametrize("change", ["delete", "rotate"])
def test_a_secret_that_goes_or_changes_touches_no_running_pod(start: Start, fleet: Fleet, change: str) -> None:
    fleet.kubectl("create", "secret", "generic", "hub", "--from-literal=HF_TOKEN=one")
    start()
    fleet.create(model={"uri": "hf://org/name", "credentials": {"secretName": "hub"}})
    fleet.await_condition("Ready")
    before = {pod["metadata"]["uid"] for pod in fleet.list("pods")}
    if change == "delete":
        fleet.kubectl("delete", "secret", "hub")
    else:
        fleet.kubectl("patch", "secret", "hub", "-p", '{"stringData": {"HF_TOKEN": "two"}}')
    time.sleep(QUIET_SECONDS)
    assert {pod["metadata"]["uid"] for pod in fleet.list("pods")} == before
    assert fleet.condition("Ready")["status"] == "True"


@pytest.mark.proves("R25", "F12")
def test_a_right_that_is_taken_away_is_said_and_its_return_is_noticed(start: Start, fleet: Fleet) -> None:
    operator = start()
    fleet.create()
    fleet.await_condition("Ready")
    role = json.loads(fleet.kubectl("get", "role", "llmfleet", "-o", "json"))
    less = {**role, "rules": [_without(rule, "services", "patch") for rule in role["rules"]]}
    fleet.kubectl("replace", "-f", "-", document=merged(less, {"metadata": {"resourceVersion": None}}))
    fleet.edit(service={"port": 81})
    told = fleet.await_condition("Stalled")
    assert told["reason"] == "Refused"
    assert "Service/qwen" in told["message"]
    assert "cannot patch resource" in told["message"]
    assert 'llmfleet_refusals_total{reason="Refused"}' in operator.page("/metrics")[1]
    assert "Refused" in fleet.kubectl("get", "events", "-o", "jsonpath={.items[*].reason}")
    fleet.kubectl("replace", "-f", "-", document=merged(role, {"metadata": {"resourceVersion": None}}))
    fleet.await_condition("Ready", seconds=90)
    assert operator.process.poll() is None


def _without(rule: Raw, resource: str, verb: str) -> Raw:
    return {**rule, "verbs": [each for each in rule["verbs"] if each != verb or resource not in rule["resources"]]}


@pytest.fixture
def elsewhere(
    cluster: Cluster, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[OperatorProcess, Fleet]]:
    """An operator that lives in a namespace of its own and looks after another, and one that the parameter names."""
    with fresh_namespace(cluster) as home, fresh_namespace(cluster) as watched:
        grant(cluster, home, watched)
        kubeconfig = kubeconfig_of(cluster, home, tmp_path / "kubeconfig")
        namespaces = ",".join([*getattr(request, "param", ()), watched])
        operator = OperatorProcess(kubeconfig, home, tmp_path, settings={"WATCH_NAMESPACES": namespaces})
        try:
            eventually(lambda: operator.is_leading, bool)
            yield operator, Fleet(cluster, watched)
        finally:
            operator.kill()


@pytest.mark.proves("F25", "R15")
def test_a_namespace_that_is_deleted_goes_and_nothing_is_made_in_it_any_more(
    elsewhere: tuple[OperatorProcess, Fleet], audit: AuditLog
) -> None:
    operator, fleet = elsewhere
    fleet.create()
    fleet.await_condition("Ready")
    position, user = audit.end(), f"system:serviceaccount:{operator.namespace}:llmfleet"
    fleet.cluster.kubectl("delete", "namespace", fleet.namespace, "--timeout=60s")
    creates = [
        each for each in audit.since(position, user) if each.verb in ("create", "patch") and each.name != "llmfleet"
    ]
    assert len(creates) <= 20, [str(each) for each in creates]
    assert operator.process.poll() is None


@pytest.mark.proves("R11", "F12")
@pytest.mark.parametrize("elsewhere", [["that-is-gone"]], indirect=True, ids=["gone with its Role"])
def test_a_watched_namespace_that_is_gone_keeps_no_other_waiting(elsewhere: tuple[OperatorProcess, Fleet]) -> None:
    operator, fleet = elsewhere
    fleet.create()
    fleet.await_condition("Ready")
    fleet.edit(replicas=1)
    fleet.await_condition("Ready")
    assert (operator.page("/readyz")[0], operator.process.poll()) == (200, None)
    assert oracles.defects(operator.log.read_text(encoding="utf-8")) == []


@pytest.mark.proves("F7")
def test_a_deleted_lease_is_made_again_and_the_leader_goes_on(start: Start, fleet: Fleet) -> None:
    operator = start()
    fleet.kubectl("delete", "lease", "llmfleet")
    held = "jsonpath={.items[*].spec.holderIdentity}"
    eventually(lambda: fleet.kubectl("get", "lease", "-o", held), lambda holder: holder == "first", 20)
    fleet.create(replicas=1)
    fleet.await_condition("Ready")
    assert operator.process.poll() is None


@pytest.mark.proves("F7", "R26", "R29")
def test_while_a_foreigner_holds_the_lease_nothing_is_written(
    start: Start, fleet: Fleet, user: str, audit: AuditLog
) -> None:
    operator = start()
    spec = {"holderIdentity": "foreigner", "leaseDurationSeconds": 8, "renewTime": "2026-11-21T12:00:00.000000Z"}
    fleet.kubectl("patch", "lease", "llmfleet", "--type=merge", "-p", json.dumps({"spec": spec}))
    eventually(lambda: not operator.is_leading, bool, 10)
    position = audit.end()
    fleet.create(replicas=1)
    time.sleep(2)
    assert [str(each) for each in audit.writes(position, user)] == []
    if operator.process.poll() is not None:  # it ends when it has lost the Lease, and the kubelet starts it again
        start("again")
    fleet.await_condition("Ready")
