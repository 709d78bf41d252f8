"""The NetworkPolicy of a fleet on a real API server: it comes, changes, is mended and goes without touching a pod."""

import json
from typing import Any

import pytest

from tests.builders import Raw
from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import REPAIRED_SECONDS, Fleet
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster
GATEWAY = {"namespaceLabels": {"kubernetes.io/metadata.name": "gateway"}, "podLabels": {}}


def policies(fleet: Fleet) -> list[Raw]:
    return fleet.list("networkpolicies")


def clients(fleet: Fleet) -> Any:
    """Who may connect to the serving port; None without a policy, or when nobody may."""
    rules = [rule for policy in policies(fleet) for rule in policy["spec"]["ingress"]]
    return next((rule["from"] for rule in rules if rule["ports"][0]["port"] == 8000), None)


@pytest.mark.proves("R75")
def test_access_makes_changes_and_takes_away_the_policy_while_pods_run_on(start: Start, fleet: Fleet) -> None:
    start()
    fleet.create(access={"from": [GATEWAY]})
    fleet.await_condition("Ready")
    pods = {pod["metadata"]["uid"] for pod in fleet.list("pods")}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}
    assert clients(fleet) == [{"namespaceSelector": selector, "podSelector": {}}]
    fleet.edit(access={"from": []})
    eventually(lambda: clients(fleet), lambda found: found is None)
    assert len(policies(fleet)) == 1
    fleet.edit(access=None)
    eventually(lambda: policies(fleet), lambda found: not found)
    assert {pod["metadata"]["uid"] for pod in fleet.list("pods")} == pods


@pytest.mark.proves("R08", "F21", "F22")
def test_a_policy_that_was_opened_or_deleted_by_hand_is_put_back(start: Start, fleet: Fleet) -> None:
    start()
    fleet.create(access={"from": [GATEWAY]})
    fleet.await_condition("Ready")
    intended = clients(fleet)
    opened = json.dumps({"spec": {"ingress": [{}]}})
    fleet.kubectl("patch", "networkpolicy", "qwen", "--type=merge", "-p", opened)
    eventually(lambda: policies(fleet)[0]["spec"]["ingress"], lambda rules: len(rules) == 2, REPAIRED_SECONDS)
    assert clients(fleet) == intended
    fleet.kubectl("delete", "networkpolicy", "qwen")
    eventually(lambda: clients(fleet), lambda found: found == intended, REPAIRED_SECONDS)
