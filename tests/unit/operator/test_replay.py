"""Pages of ``/load`` kept in a file, through the parser that reads pods, into the same decisions for ever."""

import json
from itertools import pairwise
from pathlib import Path

from llmfleet.core.scaling.decide import Decision, Memory, Policy, Why, decide
from llmfleet.core.scaling.load import Sample, tick
from llmfleet.shell.pods import sample
from llmfleet_runtime.contract import LoadReport

PAGES = Path(__file__).parent / "pages" / "burst.jsonl"
POLICY = Policy(min_replicas=1, max_replicas=4, queue_depth=4, max_concurrency=2)


def rounds() -> list[tuple[float, list[Sample]]]:
    """Each round of the file: its second, and a sample for each pod, of which some were silent."""
    read = [json.loads(line) for line in PAGES.read_text(encoding="utf-8").splitlines()]

    def parsed(page: str | None) -> Sample:
        return sample(LoadReport.model_validate_json(page) if page else None)

    return [(each["seconds"], [parsed(page) for page in each["pages"]]) for each in read]


def replayed() -> list[tuple[float, Decision]]:
    memory, size, decisions = Memory.fresh(0.0), 1, []
    for seconds, samples in rounds():
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
    assert changes() == [(44, 2, Why.PANIC), (48, 3, Why.PANIC), (226, 2, Why.HELD_DOWN), (230, 1, Why.QUEUE_DEPTH)]


def test_a_replay_equals_itself_word_for_word() -> None:
    assert replayed() == replayed()


def test_while_too_few_pods_are_heard_the_size_is_held_and_the_reason_says_so() -> None:
    held = [decision for seconds, decision in replayed() if not decision.load_seen]
    assert {each.why for each in held} == {Why.NO_DATA}
    assert {each.message.split(" ready pods")[0] for each in held} == {"1 of 3"}
