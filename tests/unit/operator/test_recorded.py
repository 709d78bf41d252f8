"""What was kept of a fleet becomes looks, and decisions beside what was done."""

from dataclasses import replace

import pytest

from llmfleet.core.scaling.decide import Policy
from llmfleet.core.scaling.recorded import Look, Step, joined, looks, replay, sizes
from llmfleet.core.scaling.retold import MOST_SHOWN, document, replayed, text
from llmfleet.core.scaling.sample import Sample
from llmfleet.core.scaling.series import Points, Scrape
from llmfleet.core.scaling.why import Why

SCRAPE = Scrape(interval=10.0)


def series(metric: str, pod: str, points: dict[float, float]) -> Points:
    return Points({"__name__": f"vllm:num_requests_{metric}", "pod": pod}, tuple(points.items()))


def both(pod: str, times: list[float]) -> list[Points]:
    return [series(metric, pod, dict.fromkeys(times, 1.0)) for metric in ("running", "waiting")]


def test_pieces_are_put_together_without_repeats() -> None:
    pieces = [[series("running", "a", {1.0: 5.0, 2.0: 6.0})], [], [series("running", "a", {2.0: 6.0, 3.0: 7.0})]]
    (found,) = joined(pieces)
    assert found.values == ((1.0, 5.0), (2.0, 6.0), (3.0, 7.0))
    assert len(joined([[series("running", "a", {1.0: 1.0})], [series("running", "b", {1.0: 1.0})]])) == 2


def test_a_pod_is_there_from_its_first_point_to_its_last_and_silent_in_between() -> None:
    found = [*both("a", [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0]), *both("b", [10.0, 60.0])]
    seen = list(looks(found, (), SCRAPE, (0.0, 80.0)))
    assert [len(each.samples) for each in seen] == [1, 2, 2, 2, 2, 2, 2, 2, 1]
    second = [each.samples[1].is_heard for each in seen[1:8]]
    assert second == [True, True, True, True, False, True, True]


def test_the_size_is_the_operators_or_else_the_number_of_pods() -> None:
    found = both("a", [0.0, 10.0, 20.0])
    known = sizes([Points({"pod": "x"}, ((5.0, 3.0),)), Points({"pod": "y"}, ((15.0, 4.0),))])
    assert [each.size for each in looks(found, known, SCRAPE, (0.0, 20.0))] == [1, 3, 4]


POLICY = Policy(1, 8, queue_depth=4, max_concurrency=4, stable_window_seconds=20.0, hold_down_seconds=20.0)


def watched(load: float, size: int, times: int) -> list[Look]:
    return [Look(10.0 * number, size, (Sample(load, 0.0, "a", scraped=10.0 * number),)) for number in range(times)]


def test_decisions_are_told_after_the_warming_up() -> None:
    steps = list(replay(lambda _: POLICY, watched(4.0, 1, 20), since=100.0))
    assert [each.time for each in steps] == [100.0 + 10 * number for number in range(9)]
    assert all(each.agrees for each in steps)


def test_each_decision_is_made_under_the_policy_of_its_time() -> None:
    def policy(moment: float) -> Policy:
        return replace(POLICY, min_replicas=3, min_by="noon") if 120.0 <= moment < 150.0 else POLICY

    steps = replay(policy, watched(4.0, 1, 20), since=100.0)
    assert {each.time for each in steps if (each.decided, each.why) == (3, Why.SCHEDULE)} == {120.0, 130.0, 140.0}


@pytest.mark.parametrize(
    ("size", "done", "decided", "agrees"),
    [(2, 2, 2, True), (2, 3, 3, True), (2, 3, 2, True), (2, 2, 3, False), (2, 3, 4, False), (2, 3, 1, False)],
)
def test_a_step_agrees_with_what_was_done_or_left(size: int, done: int, decided: int, agrees: bool) -> None:  # noqa: FBT001 because it is the outcome
    assert Step(0.0, size, done, decided, Why.QUEUE_DEPTH, "").agrees is agrees


def steps(*decided: int, size: int = 2) -> list[Step]:
    return [Step(30.0 * at, size, size, each, Why.QUEUE_DEPTH, f"{each} called for") for at, each in enumerate(decided)]


@pytest.mark.parametrize(
    ("decided", "expected"),
    [
        pytest.param((2, 2, 2), [], id="the same"),
        pytest.param((2, 3, 2), [], id="brief"),
        pytest.param((2, 3, 4, 3, 2), [(30.0, 90.0, 2, 4)], id="farthest"),
        pytest.param((3, 3, 3, 1, 1, 1), [(0.0, 60.0, 2, 3), (90.0, 150.0, 2, 1)], id="both ways"),
        pytest.param((3, 3, 3, 2, 3, 3, 3), [(0.0, 60.0, 2, 3), (120.0, 180.0, 2, 3)], id="twice"),
    ],
)
def test_steps_that_disagree_together_are_one_difference(decided: tuple[int, ...], expected: list[tuple]) -> None:
    found = replayed("a", steps(*decided)).differences
    assert [(each.start, each.end, each.size, each.wanted) for each in found] == expected


def test_words_and_documents_tell_the_same() -> None:
    found = replayed("a.yaml", steps(2, 3, 4, 3, 2))
    assert text([found]).splitlines() == [
        "a.yaml: 5 looks, 40.0% as it was; 0.1 replica-hours stood, 0.1 were called for",
        "  1970-01-01 00:00:30Z to 1970-01-01 00:01:30Z  2 stood, 4 wanted  QueueDepth: 4 called for",
    ]
    (told,) = document([found])["policies"]
    assert (told["looks"], told["agreement"], told["differences"][0]["wanted"]) == (5, 0.4, 4)
    assert told["replicaHours"] == {"stood": 300 / 3600, "calledFor": 420 / 3600}


def test_many_differences_are_cut_in_words_only() -> None:
    turns = [replace(each, time=30.0 * at) for at, each in enumerate(steps(*([3, 3, 3, 2] * 60)))]
    found = replayed("a", turns)
    assert f"... and {60 - MOST_SHOWN} more" in text([found])
    assert len(document([found])["policies"][0]["differences"]) == 60


def test_nothing_seen_is_no_difference() -> None:
    assert replayed("a", []).agreement == 1.0
