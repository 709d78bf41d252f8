"""The closed list of reasons: each has a meaning, and one that tells of trouble says what to do about it."""

import re

import pytest

from llmfleet.api.conditions import MEANINGS, Reason
from llmfleet.reference import reasons_page

NO_TROUBLE = {
    *(Reason.PENDING, Reason.INSPECTING, Reason.QUANTIZING, Reason.STARTING, Reason.SCALING, Reason.SETTLED),
    *(Reason.ALL_REPLICAS_READY, Reason.SERVING, Reason.ALL_PLACED, Reason.UP_TO_DATE, Reason.NO_FAILURE),
    *(Reason.ROLLING_OUT, Reason.WAITING_FOR_IDLE, Reason.AS_REQUESTED, Reason.FREE_GPU, Reason.FREE_CAPACITY_UNKNOWN),
    *(Reason.UPGRADE_AVAILABLE, Reason.DELETING, Reason.NOT_CONFIGURED, Reason.LOAD_OBSERVED, Reason.OBSERVING),
    *(Reason.NO_ADAPTERS, Reason.ADAPTERS_LOADED, Reason.ADAPTERS_LOADING, Reason.ENGINE_VERIFIED),
}
"""What goes well or its usual way. Every other reason is trouble, a new one too."""
VERBS = (
    "accept|add|ask|build|change|check|correct|create|delete|free|give|lower|meet|mend|name|publish|raise|remove|rename|"
    "save|see|set|take|train|write"
)
STEP = re.compile(rf"(?:^|[.;:,] )(?:or |and )?(?:{VERBS})\b", re.IGNORECASE)
"""A clause that begins by telling the reader what to do."""
MENDS_ITSELF = re.compile(r"by (?:itself|themselves)\b")
MOST_CHARACTERS = 1024 - 700 - len(" | ")
"""What a condition's message leaves beside the words of others."""


def says_what_to_do(meaning: str) -> bool:
    return bool(STEP.search(meaning) or MENDS_ITSELF.search(meaning))


@pytest.mark.proves("R38")
@pytest.mark.parametrize("reason", sorted(set(Reason) - NO_TROUBLE))
def test_a_reason_of_trouble_says_what_to_do_or_that_it_mends_itself(reason: Reason) -> None:
    assert says_what_to_do(MEANINGS[reason]), MEANINGS[reason]


@pytest.mark.parametrize(
    ("meaning", "told"),
    [
        ("The engine keeps ending; the message has its last words.", False),
        ("The message names the field to correct.", False),
        ("The disk is full; raise its limit.", True),
        ("The node is gone; the pod is replaced by itself.", True),
    ],
)
def test_a_meaning_alone_is_no_step(meaning: str, told: bool) -> None:  # noqa: FBT001 because parametrize gives it
    assert says_what_to_do(meaning) is told


@pytest.mark.proves("R38")
@pytest.mark.parametrize("reason", Reason)
def test_each_reason_is_a_sentence_or_more_that_a_message_has_room_for(reason: Reason) -> None:
    meaning = MEANINGS[reason]
    assert meaning.endswith(".")
    assert len(meaning) <= MOST_CHARACTERS or reason is Reason.FOREIGN_AUTOSCALER, len(meaning)


@pytest.mark.proves("R38")
def test_the_page_has_each_reason_with_its_next_step() -> None:
    assert {f"| {reason} | {MEANINGS[reason]} |" for reason in Reason} <= set(reasons_page().splitlines())
