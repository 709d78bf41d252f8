"""What outlives the process of what was learned of one replica."""

from dataclasses import replace

import pytest

from llmfleet.api.scaled import Learned
from llmfleet.core.scaling.decide import Memory
from llmfleet.core.scaling.learned import is_news, learned, recalled
from llmfleet.core.scaling.offered import History
from llmfleet.core.simulation import synthetic
from tests.unit.operator.test_offered import Watched, run

KNOWN = Learned(
    step_microseconds=11_800,
    sequence_nanoseconds=4_400,
    prompt_token_nanoseconds=90_000,
    correction_percent=90,
    proven_percent=60,
)


def test_what_was_recalled_is_what_was_learned() -> None:
    assert learned(recalled(KNOWN, 7.0)) == KNOWN
    assert recalled(KNOWN, 7.0).started == 7.0


def test_before_it_is_believed_there_is_nothing_to_keep() -> None:
    assert learned(History()) is None
    assert learned(replace(recalled(KNOWN, 0.0), requests=1.0)) is None
    assert recalled(None, 3.0) == History(started=3.0)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, False),
        ({"step_microseconds": 12_900}, False),
        ({"step_microseconds": 13_100}, True),
        ({"step_microseconds": 10_500}, True),
        ({"correction_percent": 80}, True),
        ({"proven_percent": 65}, False),
    ],
)
def test_a_number_is_news_when_it_changed_by_more_than_a_tenth(change: dict, *, expected: bool) -> None:
    assert is_news(KNOWN.model_copy(update=change), KNOWN) is expected
    assert is_news(KNOWN, None)


def test_a_restart_on_a_ramp_costs_nothing_where_it_is_recalled() -> None:
    ramp, whole = synthetic.ramp(9, 27, 300, 1200), Watched()
    attained = run(ramp, 1500, whole).attained
    kept = learned(whole.memory.arrivals)
    assert kept
    again = Watched(restart_at=600, restarted=lambda now: replace(Memory.fresh(now), arrivals=recalled(kept, now)))
    assert run(ramp, 1500, again).attained >= attained - 0.01
    assert not any("too little seen" in decision.message for _, decision in again.between(630, 1500))
