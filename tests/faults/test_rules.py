"""The proxy's rules: which requests they mean, and how often they strike."""

import pytest

from tests.faults.rules import (
    EVERYTHING,
    READING,
    WRITES,
    WRITING,
    Armed,
    Delay,
    Drop,
    Fault,
    Match,
    Refuse,
    Request,
    on,
    parse,
)

NS = "/namespaces/team-a"
REQUESTS = [
    ("GET", f"/api/v1{NS}/pods", {}, None, Request("list", "pods", "team-a")),
    ("GET", f"/api/v1{NS}/pods", {"watch": "true"}, None, Request("watch", "pods", "team-a")),
    ("GET", "/api/v1/pods", {"limit": "5"}, None, Request("list", "pods")),
    ("GET", f"/api/v1{NS}/pods/a", {}, None, Request("get", "pods", "team-a", "a")),
    ("GET", "/api/v1/namespaces/team-a", {}, None, Request("get", "namespaces", "", "team-a")),
    ("PATCH", f"/apis/apps/v1{NS}/deployments/q", {}, {}, Request("patch", "deployments", "team-a", "q")),
    ("PATCH", f"/apis/llmfleet.io/v1alpha1{NS}/llmdeployments/q/status", {}, {},
     Request("patch", "llmdeployments", "team-a", "q", "status")),
    ("PUT", f"/apis/coordination.k8s.io/v1{NS}/leases/l", {}, {}, Request("update", "leases", "team-a", "l")),
    ("POST", f"/api/v1{NS}/services", {}, {"metadata": {"name": "q"}}, Request("create", "services", "team-a", "q")),
    ("POST", f"/api/v1{NS}/events", {}, {"metadata": {"generateName": "q."}},
     Request("create", "events", "team-a", "q.")),
    ("DELETE", f"/api/v1{NS}/services/q", {}, {}, Request("delete", "services", "team-a", "q")),
    ("DELETE", f"/api/v1{NS}/pods", {}, {}, Request("deletecollection", "pods", "team-a")),
    ("GET", "/version", {}, None, Request("get")),
    ("GET", "/apis", {}, None, Request("get")),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "query", "body", "expected"), REQUESTS, ids=str)
def test_a_request_is_read_in_the_words_of_kubernetes(method, path, query, body, expected) -> None:
    assert parse(method, path, query, body) == expected


PATCH = Request("patch", "deployments", "team-a", "qwen-1")
STATUS = Request("patch", "llmdeployments", "team-a", "qwen", "status")
LEASE = Request("update", "leases", "team-a", "llmfleet")
MATCHES = [
    (EVERYTHING, PATCH, True),
    (on("patch"), PATCH, True),
    (on("get"), PATCH, False),
    (on(WRITING, "deployments"), PATCH, True),
    (on(WRITING, "services", "pods"), PATCH, False),
    (on(name="qwen-."), PATCH, True),
    (on(name="qwen"), PATCH, False),
    (on(subresource="status"), STATUS, True),
    (on(subresource="status"), PATCH, False),
    (on(subresource=""), STATUS, False),
    (WRITES, STATUS, True),
    (WRITES, LEASE, False),
    (on(READING), LEASE, False),
]


@pytest.mark.parametrize(("match", "request_", "expected"), MATCHES)
def test_a_match_means_exactly_its_requests(match: Match, request_: Request, expected) -> None:
    assert match(request_) is expected


def struck(fault: Fault, requests: int) -> list[int]:
    armed = Armed((fault,))
    found = [index for index in range(1, requests + 1) if armed.strike(PATCH)]
    assert armed.struck(fault) == len(found)
    return found


@pytest.mark.parametrize(
    ("skip", "times", "expected"), [(0, None, [1, 2, 3, 4, 5]), (2, 1, [3]), (1, 2, [2, 3]), (4, None, [5]), (9, 1, [])]
)
def test_a_fault_strikes_after_its_skips_and_no_oftener_than_told(skip, times, expected) -> None:
    assert struck(Fault(EVERYTHING, Drop(forwarded=False), skip, times), 5) == expected


def test_requests_that_do_not_match_are_not_counted() -> None:
    fault = Fault(on("patch", "services"), Refuse(500), skip=1)
    armed = Armed((fault,))
    assert armed.strike(PATCH) == ()
    assert armed.strike(Request("patch", "services")) == ()
    assert armed.strike(Request("patch", "services")) == (Refuse(500),)


def test_rules_strike_in_their_order() -> None:
    armed = Armed((Fault(EVERYTHING, Delay(1)), Fault(on("get"), Refuse(403)), Fault(EVERYTHING, Refuse(500))))
    assert armed.strike(PATCH) == (Delay(1), Refuse(500))
