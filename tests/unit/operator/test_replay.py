"""Pages of ``/load`` kept in a file, through the parser that reads pods, into the same decisions for ever."""

import json
from itertools import pairwise
from pathlib import Path

from llmfleet.core.scaling.decide import Decision, Memory, Policy, Why, decide
from llmfleet.core.scaling.load import tick
from llmfleet.core.scaling.sample import Sample, sample
from llmfleet_runtime.contract import LoadReport

PAGES = Path(__file__).parent / "pages" / "burst.jsonl"
POLICY = Policy(
    min_replicas=1,
    max_replicas=3,
    queue_depth=4,
    max_concurrency=2,
    stable_window_seconds=20.0,
    hold_down_seconds=20.0,
)
"""The sample object and the windows of the stack that the pages were recorded on (``python -m e2e.record``)."""


def rounds() -> list[tuple[float, list[Sample]]]:
    """Each round of the file: its second, and a sample for each pod, of which some were silent."""
    read = [json.loads(line) for line in PAGES.read_text(encoding="utf-8").splitlines()]

    def parsed(pod: int, page: str | None) -> Sample:
        return sample(LoadReport.model_validate_json(page) if page else None, str(pod))

    return [(each["seconds"], [parsed(*named) for named in enumerate(each["pages"])]) for each in read]


def replayed(mute: int = 0) -> list[tuple[float, Decision]]:
    """The decisions, round by round, as if the last ``mute`` pods of a full fleet had been silent."""
    memory, size, decisions = Memory.fresh(0.0), 1, []
    for seconds, heard in rounds():
        full = len(heard) == POLICY.max_replicas
        samples = [*heard[: len(heard) - mute], *[Sample()] * mute] if full else heard
        decision, memory = decide(POLICY, memory, size, tick(seconds, samples), seconds)
        size = decision.replicas
        decisions.append((seconds, decision))
    return decisions


def changes() -> list[tuple[float, int, Why]]:
    decisions = replayed()
    return [
        (now, new.replicas, new.why) for (_, old), (now, new) in pairwise(decisions) if new.replicas != old.replicas
    ]


def test_kept_pages_give_the_decisions_they_always_gave() -> None:
    assert changes() == [(22.1, 2, Why.PANIC), (24.1, 3, Why.PANIC), (210.0, 1, Why.QUEUE_DEPTH)]


def test_a_replay_equals_itself_word_for_word() -> None:
    assert replayed() == replayed()


def test_while_too_few_pods_are_heard_the_size_is_held_and_the_reason_says_so() -> None:
    held = [decision for _, decision in replayed(mute=2) if not decision.load_seen]
    mute = [each for each in held if each.message.startswith("1 of 3 ready pods report their load")]
    assert len(mute) > 10
    assert {(each.why, each.replicas) for each in mute} == {(Why.NO_DATA, 3)}
