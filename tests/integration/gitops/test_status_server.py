"""What kubectl wait, Flux and Argo CD read while a fleet lives."""

import json
from itertools import cycle, groupby, islice

import pytest

from e2e.cluster import ClusterError
from llmfleet.api.conditions import MEANINGS
from tests.builders import Raw
from tests.integration.gitops.conftest import Operator
from tests.integration.gitops.repository import Repository
from tests.integration.operator.operator_process import eventually
from tests.unit.gitops.kstatus import kstatus

pytestmark = pytest.mark.cluster
ROUNDS = 6


@pytest.mark.proves("R39")
def test_every_condition_speaks_of_the_generation_that_was_looked_at(fleet: Repository) -> None:
    fleet.apply(replicas=1)
    fleet.await_ready()
    fleet.apply(replicas=2)
    raw = fleet.await_ready()
    observed = [each["observedGeneration"] for each in raw["status"]["conditions"]]
    assert raw["status"]["observedGeneration"] == raw["metadata"]["generation"] == 2
    assert set(observed) == {2}


@pytest.mark.proves("R42", "R40")
def test_waiting_for_ready_after_an_edit_never_ends_before_the_edit_is_served(fleet: Repository) -> None:
    fleet.apply(replicas=1)
    fleet.await_ready()
    for size in islice(cycle((2, 3, 1)), ROUNDS):
        fleet.apply(replicas=size)
        waited = fleet.kubectl("wait", "--for=condition=Ready", f"llm/{fleet.name}", "--timeout=60s", "-o", "json")
        served = json.loads(waited)  # as it was when the wait ended
        assert served["status"]["observedGeneration"] == served["metadata"]["generation"]
        assert served["status"]["readySummary"] == f"{size}/{size}"
        assert kstatus(served) == "Current"
        assert fleet.wanted() == size


@pytest.mark.proves("R40", "R42")
def test_an_edit_that_nobody_has_looked_at_is_in_progress_until_the_operator_is_back(
    fleet: Repository, operator: Operator
) -> None:
    fleet.apply(replicas=1)
    fleet.await_ready()
    with operator.away():
        fleet.apply(replicas=2)
        assert kstatus(fleet.get()) == "InProgress"
        with pytest.raises(ClusterError, match="timed out"):
            fleet.kubectl("wait", "--for=condition=Ready", f"llm/{fleet.name}", "--timeout=2s")
    fleet.await_ready()
    assert kstatus(fleet.get()) == "Current"


@pytest.mark.proves("R40")
def test_flux_sees_a_fleet_become_ready_fail_and_recover(fleet: Repository) -> None:
    seen: list[str] = []

    def look() -> str:
        seen.append(kstatus(fleet.get()))
        return seen[-1]

    fleet.apply(replicas=1)
    eventually(look, lambda verdict: verdict == "Current")
    fleet.kubectl("create", "poddisruptionbudget", fleet.name, "--selector=app=none", "--min-available=1")
    fleet.apply(replicas=2)  # which needs a budget of a name that is taken
    eventually(look, lambda verdict: verdict == "Failed")
    fleet.apply(replicas=1)
    eventually(look, lambda verdict: verdict == "Current")
    settled = [verdict for verdict in seen if verdict != "InProgress"]
    assert [verdict for verdict, _ in groupby(settled)] == ["Current", "Failed", "Current"]
    assert seen[0] == "InProgress"


@pytest.mark.proves("R41")
def test_a_life_has_few_events_and_none_twice(fleet: Repository) -> None:
    fleet.apply()
    fleet.await_ready()
    fleet.apply(engine={"maxModelLen": 512})
    uid = fleet.await_ready()["metadata"]["uid"]
    eventually(fleet.sizes, lambda sizes: len(sizes) == 1)
    events = _events(fleet, uid)
    told = [(each["reason"], each["message"]) for each in events]
    assert 2 <= len(told) < 20
    assert len(set(told)) == len(told)
    assert {reason for reason, _ in told} <= MEANINGS.keys()
    assert {each["source"]["component"] for each in events} == {"llmfleet"}


def _events(fleet: Repository, uid: str) -> list[Raw]:
    found = fleet.kubectl("get", "events", f"--field-selector=involvedObject.uid={uid}", "-o", "json")
    return list(json.loads(found)["items"])
