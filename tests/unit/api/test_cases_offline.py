"""Every case file, judged without a server: schema by our own check, rules by cel-python."""

import pytest

from llmfleet.api.v1alpha1 import Spec
from llmfleet.core.judge import judge
from llmfleet.reference import root_schema
from tests.integration.crd.casefile import Case, cases
from tests.integration.crd.constraint import Constraint, constraints

SCHEMA = root_schema()
CONSTRAINTS = tuple(constraints(SCHEMA))
CASES = cases()


@pytest.mark.parametrize("case", [case.param for case in CASES if case.accepted])
def test_what_a_case_calls_legal_is_accepted(case: Case) -> None:
    assert judge(SCHEMA, case.document, case.old) == []


@pytest.mark.parametrize("case", [case.param for case in CASES if case.accepted])
def test_what_is_admitted_can_be_read_by_the_operator(case: Case) -> None:
    Spec.model_validate(case.document["spec"])


@pytest.mark.proves("R33")
@pytest.mark.parametrize("case", [case.param for case in CASES if not case.accepted])
def test_a_refusal_names_the_field_and_what_is_allowed(case: Case) -> None:
    said = "\n".join(judge(SCHEMA, case.document, case.old))
    expected = case.says + tuple(part for each in CONSTRAINTS if each.is_of(case) for part in each.expected(case))
    assert expected, "a refusal says nothing to expect"
    assert [part for part in expected if part not in said] == [], said


@pytest.mark.proves("R33")
@pytest.mark.parametrize("accepted", [True, False], ids=["accepted", "refused"])
def test_every_constraint_has_a_case(*, accepted: bool) -> None:
    def is_covered(constraint: Constraint) -> bool:
        return any(constraint.is_of(case) for case in CASES if case.accepted is accepted)

    assert [str(each) for each in CONSTRAINTS if not is_covered(each)] == []


def test_every_case_is_of_a_constraint_that_exists() -> None:
    assert [case.name for case in CASES if case.of and not any(each.is_of(case) for each in CONSTRAINTS)] == []


def test_what_is_stored_before_an_update_is_legal_itself() -> None:
    assert [case.name for case in CASES if case.old and judge(SCHEMA, case.old)] == []
