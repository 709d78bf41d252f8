"""Every case file, judged by a real API server: its opinion, not ours."""

from collections.abc import Iterator
from typing import Any

import pytest

from llmfleet.reference import root_schema
from tests.integration.crd.casefile import Case, cases
from tests.integration.crd.constraint import constraints
from tests.integration.crd.server import Server

pytestmark = pytest.mark.cluster
CASES = cases()
CONSTRAINTS = tuple(constraints(root_schema()))


@pytest.fixture
def clean(server: Server) -> Iterator[Server]:
    """Nothing stored, before and after."""
    server.delete("case")
    yield server
    server.delete("case")


def ask(server: Server, case: Case) -> tuple[int, dict[str, Any]]:
    """The answer to the create, or to the update of what is stored first."""
    if case.old is None:
        return server.create(case.document)
    assert server.create(case.old, keep=True)[0] == 201
    return server.update(case.document)


@pytest.mark.parametrize("case", [case.param for case in CASES if case.accepted])
def test_what_a_case_calls_legal_is_admitted_and_read_back_as_written(clean: Server, case: Case) -> None:
    status, answer = ask(clean, case)
    assert status in (200, 201), answer
    assert answer["spec"] == case.document["spec"]


@pytest.mark.proves("R33", "R34")
@pytest.mark.parametrize("case", [case.param for case in CASES if not case.accepted])
def test_a_refusal_by_the_server_names_the_field_and_what_is_allowed(clean: Server, case: Case) -> None:
    status, answer = ask(clean, case)
    expected = case.says + tuple(part for each in CONSTRAINTS if each.is_of(case) for part in each.expected(case))
    assert status in (400, 422), answer
    assert [part for part in expected if part not in answer["message"]] == [], answer["message"]
