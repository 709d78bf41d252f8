"""A Job that made no checkpoint: what it says, and when it is tried again."""

import pytest

from llmfleet.api.conditions import Reason
from llmfleet.core.plan import Delete, Outcomes
from llmfleet.core.verdict import verdict
from llmfleet_runtime.contract import Production
from tests.builders import NOW, look, with_metadata
from tests.unit.operator.inspected import SOON
from tests.unit.operator.produced import LATER, MUCH_LATER, asked, ended, job, maker, over, planned

FAILURES = [
    (Production(message="the source is a T5; only text generation").to_json(), 65, "the source is a T5"),
    ("Killed", 137, "Error, exit code 137: Killed"),
]


@pytest.mark.parametrize(("message", "code", "words"), FAILURES)
def test_a_job_that_failed_says_why_and_is_tried_again(message: str, code: int, words: str) -> None:
    raw = asked()
    begun = job(raw, over("Failed"))
    observed = look(
        raw, [begun], [ended(begun, "older", 1, "2026-11-21T11:00:00Z", "first"), ended(begun, message, code)]
    )
    found = planned(observed, LATER)
    assert (found.actions, found.blocked[0].reason, found.recheck_after) == ((), Reason.QUANTIZATION_FAILED, 560.0)
    assert found.blocked[0].message.startswith(words)
    assert verdict(observed, found, Outcomes(), LATER).stalled
    again = planned(observed, MUCH_LATER)
    assert [each.ref.name for each in again.actions] == [begun["metadata"]["name"]]


def test_a_job_without_a_pod_says_its_own_words() -> None:
    raw = asked()
    assert planned(look(raw, [job(raw, over("Failed"))]), LATER).blocked[0].message == "the Job failed: words"


def test_a_pod_that_was_cut_is_replaced_by_the_job_and_waited_for() -> None:
    raw = asked()
    begun = job(raw)
    cut = ended(begun, Production(message="it was cut").to_json(), 130, name="first")
    found = planned(look(raw, [begun], [cut, maker(begun, running={})]), LATER)
    assert (found.actions, found.blocked[0].reason) == ((), Reason.QUANTIZING)


def test_a_result_that_was_taken_away_is_asked_for_again() -> None:
    raw = asked()
    begun = job(raw, over("Complete"))
    soon, late = (planned(look(raw, [begun]), now) for now in (SOON, LATER))
    assert (soon.actions, soon.recheck_after, soon.blocked[0].reason) == ((), 20.0, Reason.QUANTIZING)
    assert [type(each) for each in late.actions] == [Delete]


def test_a_job_that_is_being_deleted_is_waited_for() -> None:
    raw = asked()
    found = planned(look(raw, [job(raw, with_metadata(deletionTimestamp=NOW))]))
    assert (found.actions, found.recheck_after) == ((), 2.0)
