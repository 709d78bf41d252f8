"""spec.access as a NetworkPolicy: who may connect to which port, and when there is a policy at all."""

from typing import Any

import pytest
from kubernetes.aio import client

from llmfleet.core import manifests
from llmfleet.core.fleet import plan
from llmfleet.core.plan import Action, Apply, Delete
from llmfleet.settings import Settings
from llmfleet.shell.defaults import defaults_of
from tests.builders import DEFAULTS, NOW, UID, Raw, child, children, deployment, look, merged, parsed, with_spec

GATEWAY = {"namespaceLabels": {"kubernetes.io/metadata.name": "gateway"}, "podLabels": {"app": "gateway"}}


def policy(*sources: Raw, namespaces: tuple[str, ...] = ("llmfleet-system",)) -> Raw:
    ours = parsed(deployment(with_spec(access={"from": list(sources)})))
    assert ours.spec.access
    return manifests.network_policy(ours, ours.spec.access, namespaces)


def rules(*sources: Raw) -> dict[int, Any]:
    """Peers by port."""
    return {rule["ports"][0]["port"]: rule["from"] for rule in policy(*sources)["spec"]["ingress"]}


def actions(raw: Raw, made: list[Raw]) -> list[Action]:
    found = plan(look(raw, made), DEFAULTS, NOW).actions
    return [each for each in found if each.ref.kind == "NetworkPolicy"]


@pytest.mark.proves("R75")
def test_the_policy_denies_by_default_and_opens_exact_ports_only() -> None:
    spec = policy(GATEWAY)["spec"]
    client.V1NetworkPolicy.model_validate(policy(GATEWAY))
    assert spec["policyTypes"] == ["Ingress"]
    assert spec["podSelector"] == {"matchLabels": {"llmfleet.io/uid": UID}}
    assert [rule["ports"] for rule in spec["ingress"]] == [
        [{"port": 8000, "protocol": "TCP"}],
        [{"port": 9000, "protocol": "TCP"}],
    ]
    assert all(rule["from"] for rule in spec["ingress"]), "an empty list of peers would let everybody in"


@pytest.mark.parametrize(
    ("source", "peer"),
    [
        (
            GATEWAY,
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}},
                "podSelector": {"matchLabels": {"app": "gateway"}},
            },
        ),
        ({"podLabels": {"app": "chat"}}, {"podSelector": {"matchLabels": {"app": "chat"}}}),
        ({"namespaceLabels": {}}, {"namespaceSelector": {}}),
        ({"podLabels": {}}, {"podSelector": {}}),
    ],
    ids=["both", "this namespace", "every namespace", "every pod here"],
)
def test_a_source_selects_pods_as_a_network_policy_does(source: Raw, peer: Raw) -> None:
    assert rules(source)[8000] == [peer]


def test_any_of_several_sources_may_connect() -> None:
    assert len(rules(GATEWAY, {"podLabels": {"app": "chat"}})[8000]) == 2


@pytest.mark.proves("R75")
def test_without_any_source_nobody_sends_requests_and_status_stays_open() -> None:
    assert set(rules()) == {9000}


def test_status_and_metrics_stay_open_to_the_operator_and_to_monitoring() -> None:
    settings = Settings(namespace="ops", monitoring_namespaces="prometheus, ops,")
    namespaces = defaults_of(settings).status_namespaces
    assert namespaces == ("ops", "prometheus")
    *_, status = policy(GATEWAY, namespaces=namespaces)["spec"]["ingress"]
    labels = [peer["namespaceSelector"]["matchLabels"] for peer in status["from"]]
    assert labels == [{"kubernetes.io/metadata.name": "ops"}, {"kubernetes.io/metadata.name": "prometheus"}]


RESTRICTED = deployment(with_spec(access={"from": [GATEWAY]}))


def test_a_fleet_without_access_has_no_policy() -> None:
    assert actions(deployment(), []) == []


def test_the_policy_comes_before_the_pods() -> None:
    found = [each.ref.kind for each in plan(look(RESTRICTED), DEFAULTS, NOW).actions]
    assert found.index("NetworkPolicy") < found.index("Service") < found.index("Deployment")


def test_a_policy_that_stands_is_left_alone() -> None:
    assert actions(RESTRICTED, [*children(RESTRICTED), child(policy(GATEWAY))]) == []


def test_taking_access_away_takes_the_policy_away() -> None:
    (action,) = actions(deployment(), [*children(deployment()), child(policy(GATEWAY))])
    assert isinstance(action, Delete)


def test_other_sources_make_another_policy_and_no_other_revision() -> None:
    other = deployment(with_spec(access={"from": []}))
    found = plan(look(other, [*children(RESTRICTED), child(policy(GATEWAY))]), DEFAULTS, NOW).actions
    assert [str(each.ref) for each in found] == ["NetworkPolicy/qwen"]


@pytest.mark.proves("R08")
@pytest.mark.parametrize(
    "edit",
    [
        {"podSelector": {"matchLabels": {"mine": "yes"}}},
        {"ingress": [*policy(GATEWAY)["spec"]["ingress"], {}]},
        {"ingress": []},
        {"policyTypes": ["Egress"]},
    ],
    ids=["selects nothing", "lets everybody in", "lets nobody in", "guards the other way"],
)
def test_a_policy_edited_by_hand_is_put_back(edit: Raw) -> None:
    edited = child(merged(policy(GATEWAY), {"spec": edit}))
    (action,) = actions(RESTRICTED, [*children(RESTRICTED), edited])
    assert isinstance(action, Apply)
    assert action.resource_version == "7"
