"""The arithmetic of the control plane bench over the audit log."""

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from e2e.bench.control_plane import ledger
from e2e.bench.control_plane.ledger import Entry, Ledger

OPERATOR = "system:serviceaccount:bench-a:llmfleet"
EDITOR = "system:serviceaccount:bench-a:bench"


def entry(at: float, verb: str, resource: str, name: str = "fleet-00001", user: str = OPERATOR) -> Entry:
    """A request that took a tenth of a second."""
    return Entry(user, verb, resource, "bench-a", name, 200, at, at + 0.1)


def edit(at: float, name: str = "fleet-00001") -> Entry:
    return entry(at, "patch", "llmdeployments", name, EDITOR)


def line(verb: str = "patch", resource: str = "deployments", namespace: str = "bench-a", **more: str) -> str:
    event = {
        "stage": "ResponseComplete",
        "verb": verb,
        "user": {"username": OPERATOR},
        "objectRef": {"resource": resource, "namespace": namespace, "name": "fleet-00001"},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-01-01T00:00:00.250000Z",
        "stageTimestamp": "2026-01-01T00:00:01.000000Z",
    }
    return json.dumps(event | more) + "\n"


def test_a_request_is_read_with_its_times_in_seconds() -> None:
    event = json.loads(line(resource="llmdeployments"))
    event["objectRef"]["subresource"] = "status"
    found = ledger.parse(event)
    assert found is not None
    assert (found.resource, found.user, found.code) == ("llmdeployments/status", OPERATOR, 200)
    assert found.answered - found.received == pytest.approx(0.75)


@pytest.mark.parametrize("event", [{"stage": "RequestReceived"}, {"stage": "ResponseComplete"}])
def test_what_is_no_finished_request_for_an_object_is_left_out(event: dict[str, str]) -> None:
    assert ledger.parse(event) is None


def test_the_ledger_reads_on_from_its_opening_and_only_its_namespace(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text(line())
    book = Ledger(path, "bench-a")
    assert book.read() == []
    with path.open("a") as log:
        log.write(line())
        log.write(line(namespace="bench-b").replace("bench-a", "bench-b"))
        log.write(line()[:-9])
    assert len(book.read()) == 1
    with path.open("a") as log:
        log.write(line()[-9:])
    assert len(book.read()) == 2


def test_writes_of_a_user_leave_out_reads_the_lease_and_others() -> None:
    entries = [
        entry(1, "patch", "deployments"),
        entry(1, "get", "deployments"),
        entry(1, "update", "leases"),
        edit(1),
        entry(1, "create", "events", ""),
    ]
    writes = ledger.writes_of(entries, OPERATOR)
    assert ledger.counted(writes) == {"patch deployments": 1, "create events": 1}


def test_the_most_frequent_comes_first() -> None:
    entries = [entry(1, "get", "services"), *(entry(1, "patch", "deployments") for _ in range(2))]
    assert list(ledger.counted(entries).items()) == [("patch deployments", 2), ("get services", 1)]


def test_refusals_are_counted_by_code() -> None:
    conflict = replace(entry(1, "patch", "deployments"), code=409)
    found = ledger.refused([conflict, conflict, entry(1, "patch", "services")])
    assert found == {"409 patch deployments": 2}


def test_a_span_holds_its_beginning_and_not_its_end() -> None:
    entries = [entry(at, "get", "services") for at in (1, 2, 3)]
    assert [each.received for each in ledger.during(entries, 1, 3)] == [1, 2]


@pytest.mark.parametrize("name", ["fleet-00001", "fleet-00001-live", "fleet-00001-6f9c1b2a3d-x7k2p"])
def test_children_are_known_by_their_names(name: str) -> None:
    assert ledger.owner_of(name) == "fleet-00001"
    assert ledger.owner_of(f"x-{name}") != "fleet-00001"


def test_the_last_answer_is_that_of_a_write_to_the_resource() -> None:
    entries = [entry(at, "update", "deployments/status") for at in (1, 5, 3)]
    entries += [entry(9, "get", "deployments/status"), entry(9, "update", "deployments")]
    assert ledger.last_answer(entries, "deployments/status") == pytest.approx(5.1)
    assert ledger.last_answer(entries, "services") is None


def reacted(edits: Iterable[Entry], *writes: Entry) -> tuple[list[float], int]:
    seconds, missed = ledger.reactions(list(edits), writes)
    return [round(each, 3) for each in seconds], missed


def test_a_reaction_lasts_from_answer_to_answer() -> None:
    write = entry(10.4, "patch", "configmaps", "fleet-00001-live")
    later = entry(10.9, "patch", "poddisruptionbudgets")
    assert reacted([edit(10)], later, write) == ([0.4], 0)


def test_each_edit_has_the_first_write_after_it() -> None:
    first, second = (entry(at, "patch", "deployments", "fleet-00001-abc") for at in (10.5, 20.2))
    assert reacted([edit(20), edit(10)], first, second) == ([0.2, 0.5], 0)


def test_one_write_answers_the_edits_that_it_covers_and_the_first_has_waited_longest() -> None:
    assert reacted([edit(10), edit(10.2)], entry(10.7, "patch", "services")) == ([0.7, 0.5], 0)


def test_an_edit_that_no_write_follows_is_missed() -> None:
    assert reacted([edit(10), edit(11)], entry(10.5, "patch", "services")) == ([0.5], 1)


def test_a_status_and_another_objects_children_are_no_reaction() -> None:
    status = entry(10.2, "patch", "llmdeployments/status")
    foreign = entry(10.2, "patch", "configmaps", "fleet-00002-live")
    assert reacted([edit(10)], status, foreign) == ([], 1)


def test_a_write_that_was_answered_before_its_edit_took_no_time() -> None:
    early = Entry(OPERATOR, "patch", "services", "bench-a", "fleet-00001", 200, 10.01, 10.05)
    assert reacted([edit(10)], early) == ([0.0], 0)


def test_all_are_adopted_with_the_last_objects_deployment() -> None:
    owners = ["fleet-00001", "fleet-00002"]
    one = entry(3, "patch", "deployments", "fleet-00001-abc")
    two = entry(1, "patch", "deployments", "fleet-00002-abc")
    again = entry(8, "patch", "deployments", "fleet-00002-abc")
    assert ledger.adopted_at([one, two, again], owners) == pytest.approx(3.1)
    assert ledger.adopted_at([two, entry(4, "patch", "services")], owners) is None


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (100, 100), (1, 1), (0, 1)], ids=str)
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    assert ledger.percentile(list(range(100, 0, -1)), percent) == value


def test_the_99th_of_few_is_the_largest_and_of_none_no_number() -> None:
    assert ledger.percentile([3.0, 1.0], 99) == 3.0
    assert math.isnan(ledger.percentile([], 50))
