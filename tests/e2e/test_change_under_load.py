"""Pods leave, revisions change, the operator and the control plane die while real streams run; no client may notice.

Each scenario runs with each engine, unless it has nothing to do with engines.
"""

import time
from http import HTTPStatus

import pytest

from e2e.bench import drain
from e2e.cluster import outage
from e2e.load import Background
from e2e.stack import Fleet, Stack, chart
from e2e.stack.fleet import condition, is_settled
from e2e.stack.kubectl import Document
from e2e.stack.process import processes_of
from llmfleet_runtime.guard import DRAIN_PATH, NAMES_PATH, STATE_PATH
from llmfleet_runtime.surface import MODELS_PATH, PROBES, SERVED
from tests.e2e import routes
from tests.e2e.scenario import STREAMS, Served, assert_none_failed, load_on, traffic_on
from tests.faults import oracles


def revision_of(seen: Document) -> str:
    """The revision that serves."""
    (current,) = [entry["name"] for entry in seen["status"]["revisions"] if entry["role"] == "Current"]
    return str(current)


def concurrency_of(seen: Document) -> int:
    return int(seen["spec"]["engine"]["maxConcurrency"])


def until_replaced(fleet: Fleet, old: str) -> Document:
    return fleet.until(
        lambda seen: is_settled(seen) and revision_of(seen) != old and seen["status"]["replicas"] == 2,
        f"a revision after {old} on both replicas",
        300,
    )


def busy(fleet: Fleet) -> Background:
    return load_on(fleet, clients=drain.CLIENTS, max_tokens=drain.TOKENS)


@pytest.mark.proves("R56", "F38")
def test_a_pod_is_deleted_under_open_streams_and_no_request_fails(steady: Fleet) -> None:
    with busy(steady) as load:
        streams = drain.delete_one(steady, load)
        report = load.stop()
    assert_none_failed(report)
    assert streams >= STREAMS


@pytest.mark.proves("R56", "F38")
def test_an_edit_of_the_engine_rolls_a_new_revision_out_and_no_request_fails(steady: Fleet) -> None:
    before, leaving = steady.get(), {pod["metadata"]["name"] for pod in staying(steady)}
    with traffic_on(steady) as load:
        steady.patch(engine={"maxConcurrency": concurrency_of(before) + 1})
        after = until_replaced(steady, revision_of(before))
        report = load.stop()
    assert_none_failed(report)
    assert after["status"]["updatedReplicas"] == 2
    assert all(revision_of(after) in pod["metadata"]["name"] for pod in staying(steady))
    left = steady.until(lambda seen: len(farewells(seen, leaving)) == 2, "the farewells of both")
    assert [drain["aborted"] for drain in farewells(left, leaving)] == [0, 0]


def farewells(seen: Document, pods: set[str]) -> list[Document]:
    return [drain for drain in seen["status"].get("drains", ()) if drain["pod"] in pods]


def staying(fleet: Fleet) -> list[Document]:
    return [pod for pod in fleet.pods() if is_staying(pod)]


def is_staying(pod: Document) -> bool:
    return "deletionTimestamp" not in pod["metadata"]


def test_an_operator_killed_midway_of_a_rollout_ends_it_rightly(steady: Fleet, stack: Stack) -> None:
    before = steady.get()
    with traffic_on(steady) as load:
        steady.patch(engine={"maxConcurrency": concurrency_of(before) + 1})
        steady.until(lambda seen: seen["status"].get("updatedReplicas") == 1, "the first pod of the new revision")
        killed = [process for pod in stack.operator_pods() for process in processes_of(pod)]
        assert killed != []
        for process in killed:
            process.kill()
        assert not is_settled(steady.get())
        after = until_replaced(steady, revision_of(before))
        report = load.stop()
    assert_none_failed(report)
    assert after["status"]["readyReplicas"] == 2
    assert sum(status["restartCount"] for pod in stack.operator_pods() for status in containers_of(pod)) >= 1
    stack.kubectl.inside(chart.NAMESPACE).run("wait", "deployment", chart.RELEASE, "--for=condition=Available")


def containers_of(pod: Document) -> list[Document]:
    statuses: list[Document] = pod["status"]["containerStatuses"]
    return statuses


@pytest.mark.parametrize("served", ["VLLM"], indirect=True)
@pytest.mark.parametrize(
    ("part", "seconds", "soon"),
    [
        pytest.param("kube-apiserver", 3, 30, marks=pytest.mark.proves("F8")),
        pytest.param("etcd", 20, 60, marks=pytest.mark.proves("F9")),
        pytest.param(
            "etcd", 120, 60, marks=[pytest.mark.proves("F9"), pytest.mark.soak, pytest.mark.timeout(0)], id="etcd, long"
        ),
    ],
)
def test_a_control_plane_that_lacks_a_part_for_a_while_is_no_concern_of_the_pods(
    steady: Fleet, stack: Stack, part: str, seconds: int, soon: int
) -> None:
    """The leader's Lease runs out while etcd is away; the next edit is acted on ``soon``, seconds, all the same."""
    assert stack.cluster
    before = lives(steady)
    with traffic_on(steady) as load:
        with outage.without(stack.cluster, part):
            time.sleep(seconds)
        steady.patch(lifecycle={"drainTimeoutSeconds": 100 + seconds})
        steady.until_settled(soon)
        report = load.stop()
    assert_none_failed(report)
    assert lives(steady) == before
    assert oracles.defects(said_lately(stack, 120 + seconds)) == []


def lives(fleet: Fleet) -> set[tuple[str, int]]:
    """UID and restarts of each pod."""
    return {(pod["metadata"]["uid"], status["restartCount"]) for pod in staying(fleet) for status in containers_of(pod)}


def said_lately(stack: Stack, seconds: int) -> str:
    """The operator's log of the last ``seconds``; an operator that ended meanwhile has left its last words."""
    inside = stack.kubectl.inside(chart.NAMESPACE)
    return "\n".join(
        inside.run("logs", pod["metadata"]["name"], f"--since={seconds}s", f"--previous={which}")
        for pod in stack.operator_pods()
        for which in ("false", "true")[: 1 + any(status["restartCount"] for status in containers_of(pod))]
    )


def test_an_invalid_edit_is_refused_with_field_and_value_while_the_fleet_serves(steady: Fleet) -> None:
    before = steady.get()
    with traffic_on(steady) as load:
        answer = steady.refusal(engine={"maxConcurrency": 0})
        sent = len(load.tally.outcomes)
        load.until(lambda tally: len(tally.outcomes) > sent + 20, 60)
        report = load.stop()
    assert_none_failed(report)
    assert "spec.engine.maxConcurrency" in answer
    assert "0" in answer
    assert steady.get()["metadata"]["generation"] == before["metadata"]["generation"]


@pytest.mark.proves("R09", "R59", "S41")
def test_an_edit_that_cannot_be_realised_leaves_the_fleet_serving_and_says_so(steady: Fleet) -> None:
    before = steady.get()
    serving = {pod["metadata"]["name"] for pod in staying(steady)}
    uri = before["spec"]["model"]["uri"]
    with traffic_on(steady) as load:
        steady.patch(model={"uri": f"{uri}-that-is-missing"})
        stalled = steady.until(lambda seen: condition(seen, "Stalled")["status"] == "True", "Stalled", 240)
        assert condition(stalled, "Stalled")["message"] != ""
        assert condition(stalled, "Available")["status"] == "True"
        assert serving <= {pod["metadata"]["name"] for pod in staying(steady)}
        steady.patch(model={"uri": uri})
        steady.until(lambda seen: is_settled(seen) and revision_of(seen) == revision_of(before), "the old revision")
        report = load.stop()
    assert_none_failed(report)


@pytest.mark.proves("R72", "R73")
def test_another_pod_finds_no_route_of_the_engine_open_but_those_that_are_served(steady: Fleet, served: Served) -> None:
    known = routes.of_vllm() if served.engine == "VLLM" else routes.of_llamacpp()
    closed = (known | {STATE_PATH, DRAIN_PATH, NAMES_PATH, "/"}) - SERVED - PROBES
    asked, asking = staying(steady)
    found = routes.crawled(steady, asked, asking, closed)
    assert len(closed) > 30
    assert {route: status for route, status in found.items() if status != HTTPStatus.NOT_FOUND} == {}
    assert routes.crawled(steady, asked, asking, {"/health", MODELS_PATH}).items() >= {
        ("GET /health", HTTPStatus.OK),
        (f"GET {MODELS_PATH}", HTTPStatus.OK),
    }
