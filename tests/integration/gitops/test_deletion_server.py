"""Every way of taking a fleet away, with the operator and without it."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from e2e.cluster import Cluster
from e2e.stack.audit import AuditLog
from tests.integration.gitops.conftest import Operator
from tests.integration.gitops.repository import Repository
from tests.integration.operator.conftest import fresh_namespace, grant, starter
from tests.integration.operator.fleet import KINDS
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster


CASCADES = ("foreground", "background")


@pytest.fixture
def fleets(fleet: Repository) -> dict[str, Repository]:
    """A ready fleet for each cascade."""
    found = {each: Repository(fleet.cluster, fleet.namespace, f"{fleet.name}-{each}") for each in CASCADES}
    for each in found.values():
        each.apply()
    for each in found.values():
        each.await_ready()
    return found


def _delete(fleets: dict[str, Repository]) -> None:
    for cascade, fleet in fleets.items():
        fleet.kubectl("delete", "llm", fleet.name, f"--cascade={cascade}", "--timeout=60s")
    for fleet in fleets.values():
        eventually(lambda fleet=fleet: fleet.list(f"{KINDS},replicasets,pods"), lambda found: found == [])


@pytest.mark.proves("R15")
def test_deleting_takes_everything_and_nothing_is_made_meanwhile(
    fleets: dict[str, Repository], operator: Operator, audit: AuditLog
) -> None:
    position = audit.end()
    _delete(fleets)
    assert [operator.wrote(audit, position, each) for each in fleets.values()] == [set(), set()]


@pytest.mark.proves("R15", "R16")
def test_deleting_needs_no_operator(fleets: dict[str, Repository], operator: Operator) -> None:
    with operator.away():
        _delete(fleets)


@pytest.mark.proves("R15")
def test_orphaned_children_serve_on_and_are_never_touched_again(
    fleet: Repository, operator: Operator, audit: AuditLog
) -> None:
    fleet.apply()
    fleet.await_ready()
    pods, position = fleet.pods(), audit.end()
    fleet.kubectl("delete", "llm", fleet.name, "--cascade=orphan", "--timeout=60s")
    left = fleet.list(KINDS)
    assert len(left) == 6
    assert [raw["metadata"].get("ownerReferences") for raw in left] == [None] * 6
    fleet.apply()  # a namesake is another fleet, and takes nothing over
    stalled = fleet.await_condition("Stalled")
    assert stalled["reason"] == "NameTaken"
    assert pods <= fleet.pods()
    orphans = {(f"{raw['kind'].lower()}s", raw["metadata"]["name"]) for raw in left}
    assert not operator.wrote(audit, position, fleet) & orphans
    fleet.kubectl("delete", KINDS, "-l", f"llmfleet.io/deployment={fleet.name}")


@pytest.mark.proves("R16")
def test_nothing_of_ours_blocks_a_deletion(fleet: Repository, cluster: Cluster) -> None:
    fleet.apply()
    fleet.await_ready()
    everything = [fleet.get(), *fleet.list(f"{KINDS},pods")]
    assert [raw["kind"] for raw in everything if raw["metadata"].get("finalizers")] == []
    hooks = cluster.kubectl("get", "validatingwebhookconfigurations,mutatingwebhookconfigurations", "-o", "json")
    assert [each["metadata"]["name"] for each in json.loads(hooks)["items"] if "llmfleet" in json.dumps(each)] == []


@pytest.mark.proves("R15", "R16", "F25")
def test_namespaces_go_with_their_fleets_with_the_operator_and_without(
    cluster: Cluster, audit: AuditLog, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        namespaces = [stack.enter_context(fresh_namespace(cluster)) for _ in range(2)]
        users = [grant(cluster, namespace) for namespace in namespaces]
        starts = [stack.enter_context(starter(cluster, namespace, tmp_path)) for namespace in namespaces]
        processes = [start(namespace) for start, namespace in zip(starts, namespaces, strict=True)]
        for namespace in namespaces:
            Repository(cluster, namespace).apply()
        for namespace in namespaces:
            Repository(cluster, namespace).await_ready()
        processes[1].terminate()
        position = audit.end()
        cluster.kubectl("delete", "namespace", *namespaces, "--timeout=60s")
        assert len(audit.writes(position, users[0])) < 20
