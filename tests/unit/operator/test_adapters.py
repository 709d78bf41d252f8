"""Adapters in the operator: the live document, revisions, and what the pods' reports mean."""

from dataclasses import replace
from typing import Any

import pytest

from llmfleet.api.conditions import ConditionType, Reason
from llmfleet.core import adapters
from llmfleet.core.adapters import Standing, adapters_ready, adapters_status, changes, recheck_after, standing
from llmfleet.core.fleet import live_document, plan
from llmfleet.core.plan import Annotate, Apply, Outcomes
from llmfleet.core.status import derive
from llmfleet.core.template import engine_config
from llmfleet.core.world import Observed
from llmfleet_runtime.contract import Adapter, AdapterReason, AdapterState, AdapterStatus, LiveConfig
from tests.builders import (
    DEFAULTS,
    LATER,
    NOW,
    Raw,
    adapter_status,
    children,
    deployment,
    look,
    parsed,
    pod,
    ready,
    report,
    revision,
    starting,
    with_spec,
)

SQL, CHAT = {"name": "sql", "uri": "hf://team/sql", "revision": "v1"}, {"name": "chat", "uri": "hf://team/chat"}
WITH = deployment(with_spec(lora={"adapters": [SQL, CHAT]}))
OF = revision(WITH)
LOADED = tuple(adapter_status(Adapter(**each)) for each in (SQL, CHAT))
BROKEN = (LOADED[0], adapter_status(Adapter(**CHAT), is_broken=True))


def fleet(*told: Any, raw: Raw = WITH, of: str = OF) -> Observed:
    """Ready pods that say this of their adapters; None is a pod without an answer."""
    pods = [pod(of, ready(), name=f"qwen-{number}") for number in range(len(told))]
    reports = {
        each["metadata"]["uid"]: report(adapters=said)
        for each, said in zip(pods, told, strict=True)
        if said is not None
    }
    return look(raw, children(raw, len(told)), pods, reports)


def old_version(status: AdapterStatus) -> AdapterStatus:
    return status.model_copy(update={"key": "0123456789"})


@pytest.mark.parametrize(
    ("told", "ready_", "loading", "unknown", "failed"),
    [
        ((LOADED,), 2, 0, 0, []),
        ((LOADED, LOADED), 2, 0, 0, []),
        ((LOADED, LOADED[:1]), 1, 1, 0, []),
        ((LOADED, ()), 0, 2, 0, []),
        ((LOADED, None), 0, 2, 2, []),
        ((), 0, 2, 2, []),
        ((LOADED, BROKEN), 1, 0, 0, [("chat", "AdapterRankTooHigh", 1)]),
        ((BROKEN, BROKEN), 1, 0, 0, [("chat", "AdapterRankTooHigh", 2)]),
        ((BROKEN, None), 0, 1, 1, [("chat", "AdapterRankTooHigh", 1)]),
        (((old_version(LOADED[0]), LOADED[1]),), 1, 1, 0, []),
        (((LOADED[0], old_version(BROKEN[1])),), 1, 1, 0, []),
    ],
)
def test_what_every_ready_pod_serves_is_ready(
    told: tuple, ready_: int, loading: int, unknown: int, failed: list
) -> None:
    found = standing(fleet(*told), OF)
    assert (found.ready, found.loading, found.unknown) == (ready_, loading, unknown)
    assert [(each.name, each.reason, each.pods) for each in found.failed] == failed


def test_a_pod_that_is_not_ready_is_not_asked() -> None:
    pods = [pod(OF, ready(), name="qwen-0"), pod(OF, starting(), name="qwen-1")]
    found = standing(look(WITH, children(WITH, 2), pods, {"uid-qwen-0": report(adapters=LOADED)}), OF)
    assert (found.ready, found.pods) == (2, 1)


def test_a_pod_of_an_earlier_revision_with_less_room_is_only_not_there_yet() -> None:
    found = standing(fleet(BROKEN), "another")
    assert (found.ready, found.loading, found.failed) == (1, 1, ())


FAILURE = standing(fleet(BROKEN), OF).failed


@pytest.mark.proves("S27", "F43")
@pytest.mark.parametrize(
    ("found", "status", "reason", "words"),
    [
        (Standing(), "True", Reason.NO_ADAPTERS, ""),
        (Standing(ready=2, pods=1), "True", Reason.ADAPTERS_LOADED, "2 of 2 adapters are served by every ready pod"),
        (Standing(ready=1, loading=1, pods=1), "False", Reason.ADAPTERS_LOADING, "1 of 2 adapters"),
        (Standing(loading=2, unknown=2), "Unknown", Reason.ADAPTERS_UNKNOWN, "0 pods are ready; 0 of 2"),
        (Standing(loading=2, unknown=1, pods=3), "Unknown", Reason.ADAPTERS_UNKNOWN, "3 pods are ready; 0 of 2"),
        (
            Standing(ready=1, pods=1, failed=FAILURE),
            "False",
            Reason.ADAPTER_RANK_TOO_HIGH,
            "every ready pod; chat fails on 1 of 1 pods: its rank 64 exceeds lora.maxRank 16",
        ),
        (Standing(loading=1, unknown=1, pods=1, failed=FAILURE), "False", Reason.ADAPTER_RANK_TOO_HIGH, "0 of 2"),
    ],
)
def test_the_condition(found: Standing, status: str, reason: Reason, words: str) -> None:
    told = adapters_ready(found, 3)
    assert (told.type, told.status, told.reason, told.observed_generation) == ("AdaptersReady", status, reason, 3)
    assert words in told.message


def test_the_status_counts_and_names_ten_failures_at_most() -> None:
    many = tuple(FAILURE[0].model_copy(update={"name": f"a{number}"}) for number in range(12))
    told = adapters_status(Standing(ready=1, loading=2, pods=1, failed=many))
    assert told is not None
    assert (told.summary, told.ready, told.loading, len(told.failed)) == ("1/15", 1, 2, 10)
    assert adapters_status(Standing()) is None


@pytest.mark.parametrize("reason", AdapterReason)
def test_every_reason_of_a_pod_is_a_reason_of_the_status(reason: AdapterReason) -> None:
    told = AdapterStatus(name="sql", key=LOADED[0].key, state=AdapterState.FAILED, reason=reason, message="x")
    assert standing(fleet((told, LOADED[1])), OF).failed[0].reason == Reason(reason.value)


def test_a_reason_of_a_later_runtime_is_a_refusal() -> None:
    told = AdapterStatus(name="sql", key=LOADED[0].key, state=AdapterState.FAILED, reason="AdapterTooGood")
    assert standing(fleet((told, LOADED[1])), OF).failed[0].reason == Reason.ADAPTER_REFUSED


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        (Standing(), None),
        (Standing(ready=1, pods=1), None),
        (Standing(loading=1, unknown=1), None),
        (Standing(loading=1, pods=1), 2.0),
        (Standing(ready=1, pods=1, failed=FAILURE), 10.0),
    ],
)
def test_pods_are_asked_again_while_something_is_expected_of_them(found: Standing, seconds: float | None) -> None:
    assert recheck_after(found) == seconds


def test_the_plan_looks_again_until_the_adapters_are_there() -> None:
    assert plan(fleet(LOADED), DEFAULTS, NOW).recheck_after is None
    assert plan(fleet(()), DEFAULTS, NOW).recheck_after == 2.0


def edited(**lora: Any) -> tuple[Observed, Raw]:
    new = deployment(with_spec(**WITH["spec"]), with_spec(lora=lora))
    seen = fleet(LOADED)
    return look(new, seen.children.values(), [pod(OF, ready(), name="qwen-0")], seen.reports), new


def test_a_change_of_adapters_is_a_new_number_of_the_live_document_and_nothing_else() -> None:
    observed, new = edited(adapters=[SQL | {"revision": "v2"}, {"name": "code", "uri": "hf://team/code"}])
    assert revision(new) == OF
    (action,) = plan(observed, DEFAULTS, NOW).actions
    assert isinstance(action, Apply)
    assert action.why == "live document 2: loads code; replaces sql; unloads chat"
    live = LiveConfig.model_validate_json(action.manifest["data"]["live.json"])
    assert [(each.name, each.revision) for each in live.adapters or ()] == [("sql", "v2"), ("code", None)]


def test_pods_on_an_older_number_are_touched() -> None:
    seen = fleet(LOADED)
    seen = replace(seen, reports={"uid-qwen-0": report(live_number=0, adapters=())})
    (action,) = plan(seen, DEFAULTS, NOW).actions
    assert isinstance(action, Annotate)
    assert action.annotations == {"llmfleet.io/live": "1"}


@pytest.mark.parametrize("limit", [{"maxRank": 64}, {"maxAdapters": 9}, {"maxPerBatch": 2}])
def test_a_change_of_room_is_a_new_revision(limit: Raw) -> None:
    observed, new = edited(**limit)
    assert revision(new) != OF
    assert plan(observed, DEFAULTS, NOW).rollout is not None


@pytest.mark.parametrize("lora", [{}, {"adapters": []}, {"adapters": [SQL]}])
def test_taking_adapters_at_all_is_a_revision_whichever_they_are(lora: Raw) -> None:
    raw = deployment(with_spec(lora=lora))
    assert revision(raw) != revision(deployment())
    assert revision(raw) == revision(deployment(with_spec(lora={})))


def test_the_engine_gets_the_limits_and_their_defaults() -> None:
    told = engine_config(parsed(deployment(with_spec(lora={"maxRank": 64}))), DEFAULTS).lora
    assert told is not None
    assert (told.max_adapters, told.max_per_batch, told.max_rank) == (8, 4, 64)


def test_without_lora_documents_say_nothing_of_adapters() -> None:
    plain = parsed(deployment())
    assert (adapters.wanted(plain), adapters.limits(plain)) == (None, None)
    assert live_document(plain).to_json() == '{"drainTimeoutSeconds": 120.0, "number": 0, "version": 1}'


OLD = LiveConfig(adapters=(Adapter(name="a", uri="1"), Adapter(name="b", uri="1")))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (None, LiveConfig(), ""),
        (OLD, OLD, ""),
        (None, OLD, "loads a, b"),
        (LiveConfig(), OLD, "loads a, b"),
        (OLD, LiveConfig(adapters=()), "unloads a, b"),
        (OLD, LiveConfig(), ""),
        (OLD, LiveConfig(adapters=(Adapter(name="b", uri="2"),)), "replaces b; unloads a"),
    ],
)
def test_what_a_new_document_does_is_told(old: LiveConfig | None, new: LiveConfig, told: str) -> None:
    assert changes(old, new) == told


def test_a_fleet_that_serves_with_a_broken_adapter_is_ready_and_says_so() -> None:
    seen = fleet(BROKEN)
    found = derive(seen, plan(seen, DEFAULTS, NOW), Outcomes(), LATER)
    conditions = {each.type: (each.status, each.reason) for each in found.conditions}
    assert conditions[ConditionType.READY][0] == "True"
    assert conditions[ConditionType.ADAPTERS_READY] == ("False", "AdapterRankTooHigh")
    assert found.adapters is not None
    assert found.adapters.summary == "1/2"


@pytest.mark.proves("R42")
@pytest.mark.parametrize(
    ("told", "ready_"),
    [
        ((LOADED,), ("True", "AllReplicasReady")),
        ((BROKEN,), ("True", "AllReplicasReady")),
        (((),), ("False", "AdaptersLoading")),
        (((old_version(LOADED[0]), LOADED[1]),), ("False", "AdaptersLoading")),
        ((LOADED, None), ("True", "AllReplicasReady")),
    ],
)
def test_ready_waits_for_adapters_that_load_and_not_for_those_that_fail(told: tuple, ready_: tuple) -> None:
    raw = deployment(with_spec(**WITH["spec"]), with_spec(replicas=len(told)))
    seen = fleet(*told, raw=raw)
    conditions = {
        each.type: (each.status, each.reason)
        for each in derive(seen, plan(seen, DEFAULTS, NOW), Outcomes(), LATER).conditions
    }
    assert conditions["Ready"] == ready_
    assert conditions["Reconciling"][0] == ("False" if ready_[0] == "True" else "True")
    assert conditions["Available"] == ("True", "Serving")
