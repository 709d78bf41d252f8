"""Adapters of a running fleet: replaced under load without a failed request, and a broken one beside a good one."""

from collections.abc import Iterator

import pytest

from e2e.bench.runtime import adapters
from e2e.cluster import progress
from e2e.stack import Fleet, Stack
from e2e.stack.fleet import condition


@pytest.fixture(scope="module")
def adapted(stack: Stack) -> Iterator[Fleet]:
    """Two pods that serve one adapter."""
    fleet = stack.fleet(adapters.FLEET)
    fleet.delete()
    fleet.apply(adapters.manifest(stack))
    fleet.until(adapters.is_served, "two pods with the adapter", 240)
    yield fleet
    fleet.delete(wait=False)


@pytest.mark.proves("F43", "R55")
def test_an_adapter_is_replaced_on_two_pods_under_load_and_no_answer_fails_or_is_of_wrong_weights(
    adapted: Fleet, stack: Stack
) -> None:
    before = adapters.lives(adapted)
    with adapters.asking(adapted) as answers:
        swaps = [*adapters.swapped(stack, adapted, progress.choose(), 2)]
    rows = adapters.judge(answers, swaps, adapters.restarts(before, adapters.lives(adapted)))
    assert [row for row in rows if row.met is False] == []
    assert len(answers) > 20


@pytest.mark.proves("F43")
def test_a_missing_adapter_is_told_while_the_other_serves_and_goes_when_it_is_taken_away(
    adapted: Fleet, stack: Stack
) -> None:
    before, good = adapters.lives(adapted), adapters.entry(stack, "ba")
    with adapters.asking(adapted) as answers:
        adapted.patch(lora={"adapters": [good, {"name": "lost", "uri": "pvc://models/no-such-folder"}]})
        told = adapted.until(lambda seen: condition(seen, "AdaptersReady")["reason"] == "AdapterNotFound", "why", 60)
        adapted.patch(lora={"adapters": [good]})
        adapted.until(adapters.is_served, "the good one alone", 60)
    assert "lost" in condition(told, "AdaptersReady")["message"]
    assert condition(told, "Available")["status"] == "True"
    assert [answer.failure for answer in answers if answer.failure] == []
    assert adapters.restarts(before, adapters.lives(adapted)) == 0
