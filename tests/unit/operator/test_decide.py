"""The five steps from load to size."""

import itertools

import pytest

from llmfleet.core.scaling.decide import Decision, Memory, Policy, Why, decide
from llmfleet.core.scaling.load import Tick, tick
from llmfleet.core.scaling.sample import Sample
from llmfleet.core.scaling.trust import Trust

POLICY = Policy(min_replicas=1, max_replicas=20, queue_depth=4, max_concurrency=4)
SILENT = Sample()


def spread(demand: float, pods: int, room: float = 4.0) -> list[Sample]:
    """This many requests over the pods: running first, the rest waits."""
    running = min(demand, pods * room)
    return [Sample(running=running / pods, waiting=(demand - running) / pods) for _ in range(pods)] if pods else []


class Replay:
    """A fleet whose every pod is ready at once, looked at every two seconds."""

    def __init__(self, size: int, policy: Policy = POLICY) -> None:
        self.size, self.policy, self.now = size, policy, 0.0
        self.memory = Memory.fresh(0.0)
        self.decisions: list[Decision] = []

    def look(self, samples: list[Sample]) -> Decision:
        decision, self.memory = decide(self.policy, self.memory, self.size, tick(self.now, samples), self.now)
        self.size, self.now = decision.replicas, self.now + 2
        self.decisions.append(decision)
        return decision

    def run(self, demand: float, seconds: float) -> Decision:
        for _ in range(int(seconds / 2)):
            self.look(spread(demand, self.size))
        return self.decisions[-1]


@pytest.mark.parametrize(
    ("size", "demand", "expected"),
    [
        pytest.param(1, 0, 1, id="idle at the minimum"),
        pytest.param(1, 8, 1, id="full and the queue within its target"),
        pytest.param(1, 9, 2, id="one request over the target"),
        pytest.param(4, 32, 4, id="just right"),
        pytest.param(4, 33, 5, id="one more"),
        pytest.param(4, 18, 3, id="three carry it with half the queue"),
        pytest.param(4, 19, 4, id="three would queue too much"),
        pytest.param(5, 0, 1, id="idle goes to the minimum"),
    ],
)
def test_a_steady_load_settles_at(size: int, demand: float, expected: int) -> None:
    replay = Replay(size)
    replay.run(demand, 400)
    assert replay.size == expected


def test_a_decision_tells_its_numbers() -> None:
    decision = Replay(1).look(spread(9, 1))
    said = "9.0 requests (5.0 waiting) over 60 s, 4 at once + 4 queued per replica: 2"
    assert decision == Decision(2, Why.QUEUE_DEPTH, said, trust=Trust(1.0, 1.0, 1.0))


def test_steady_is_a_reason_too() -> None:
    assert Replay(2).look(spread(8, 2)).why is Why.STEADY


def test_a_burst_takes_the_short_window() -> None:
    replay = Replay(2)
    replay.run(8, 60)
    assert replay.run(64, 8).why is Why.PANIC
    assert replay.size >= 6


def test_after_a_burst_nothing_shrinks_for_a_stable_window() -> None:
    replay = Replay(1)
    replay.run(0, 200)
    replay.run(40, 10)
    high, end = replay.size, len(replay.decisions)
    replay.run(0, 56)
    assert {each.replicas for each in replay.decisions[end:]} == {high}
    replay.run(0, 200)
    assert replay.size == 1


def test_no_decision_grows_more_than_fourfold() -> None:
    replay = Replay(1)
    decision = replay.look(spread(1000, 1))
    assert (decision.replicas, decision.why) == (4, Why.RATE_LIMITED)
    assert replay.look(spread(1000, 4)).replicas == 16


def test_growth_starts_at_one_from_an_empty_fleet() -> None:
    assert Replay(0).look([]).replicas == 1


@pytest.mark.proves("R60")
def test_shrinking_waits_for_the_hold_down_time() -> None:
    replay = Replay(4)
    replay.run(32, 120)
    start = replay.now
    while replay.size == 4:
        replay.run(1, 2)
    assert 60 <= replay.now - start <= 130


def test_a_short_lull_shrinks_nothing() -> None:
    replay = Replay(4)
    for _ in range(5):
        replay.run(32, 60)
        replay.run(0, 40)
    assert {each.replicas for each in replay.decisions} == {4}


def test_a_restarted_operator_shrinks_nothing_before_it_has_watched() -> None:
    replay = Replay(4)
    decision = replay.run(0, 58)
    assert (decision.replicas, decision.why) == (4, Why.HELD_DOWN)
    assert "watched for" in decision.message


@pytest.mark.parametrize(
    ("demand", "size", "expected", "why"),
    [
        (1000, 6, 6, Why.MAX_REPLICAS),
        (1000, 5, 6, Why.MAX_REPLICAS),
        (0, 1, 2, Why.MIN_REPLICAS),
        (0, 9, 6, Why.MAX_REPLICAS),
    ],
)
def test_bounds(demand: float, size: int, expected: int, why: Why) -> None:
    policy = Policy(min_replicas=2, max_replicas=6, queue_depth=4, max_concurrency=4)
    decision = Replay(size, policy).look(spread(demand, size))
    assert (decision.replicas, decision.why) == (expected, why)


@pytest.mark.proves("R61")
@pytest.mark.parametrize(
    "samples",
    [
        pytest.param([], id="no pod is ready"),
        pytest.param([SILENT] * 3, id="none reports"),
        pytest.param([SILENT, SILENT, Sample(running=0.0, waiting=0.0)], id="one of three reports"),
        pytest.param([Sample(running=1.0)] * 3, id="half a report is none"),
        pytest.param([Sample(waiting=99.0)] * 3, id="nor is the other half"),
    ],
)
def test_no_data_holds_the_size(samples: list[Sample]) -> None:
    decision = Replay(3).look(samples)
    assert (decision.replicas, decision.why, decision.load_seen) == (3, Why.NO_DATA, False)


def test_an_outage_of_the_reports_holds_however_long() -> None:
    replay = Replay(4)
    replay.run(32, 120)
    decisions = [replay.look([SILENT] * 4) for _ in range(200)]
    assert {each.replicas for each in decisions} == {4}
    assert decisions[-1].why is Why.NO_DATA


def test_no_data_still_obeys_the_bounds() -> None:
    assert Replay(50).look([]).replicas == 20


def test_a_pod_that_is_silent_forbids_shrinking_but_not_growing() -> None:
    replay = Replay(4)
    for _ in range(100):
        replay.look([*spread(0, 3), SILENT])
    assert replay.size == 4
    replay.look([*spread(400, 3), SILENT])
    assert replay.size > 4


def test_a_silent_pod_has_as_much_to_do_as_the_others() -> None:
    """Twenty requests in two of four pods are forty in all: five carry them."""
    replay = Replay(4)
    for _ in range(40):
        replay.look([*spread(20, 2), SILENT, SILENT])
    assert replay.size == 5


def test_while_replicas_do_not_start_no_more_are_asked_for() -> None:
    replay = Replay(2)
    for _ in range(310):
        replay.look(spread(100, 2))
    assert (replay.size, replay.decisions[-1].why) == (13, Why.STEADY)
    for _ in range(10):
        last = replay.look(spread(200, 2))
    assert (last.replicas, last.why) == (13, Why.NOT_STARTING)
    assert "11 replicas do not start, more would not: 13" in last.message


def test_concurrency_is_learned_from_the_busiest_pod() -> None:
    policy = Policy(min_replicas=1, max_replicas=20, queue_depth=4)
    replay = Replay(2, policy)
    replay.look([Sample(running=12.0, waiting=0.0), Sample(running=1.0, waiting=0.0)])
    assert replay.memory.busiest == 12.0
    assert replay.size == 2


def test_memory_stays_bounded() -> None:
    replay = Replay(4)
    replay.run(20, 4000)
    assert len(replay.memory.ticks) <= 32
    assert len(replay.memory.lows) <= 32


def test_a_tick_counts_only_pods_that_gave_both_numbers() -> None:
    samples = (Sample(running=2.0, waiting=1.0), Sample(running=9.0), SILENT)
    seen = tick(5.0, samples)
    assert seen == Tick(time=5.0, ready=3, heard=1, running=2.0, waiting=1.0, busiest=2.0, samples=samples)
    assert seen.demand == 3.0


def test_replays_of_the_same_samples_are_equal() -> None:
    loads = list(itertools.chain.from_iterable([[3, 9, 40, 80], [80, 12, 0] * 9, [0] * 60]))

    def replayed() -> list[Decision]:
        replay = Replay(2)
        return [replay.look(spread(load, replay.size)) for load in loads]

    assert replayed() == replayed()
