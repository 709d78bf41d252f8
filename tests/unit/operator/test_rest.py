"""To zero on proof only, and back when told."""

import pytest

from llmfleet.core.scaling.decide import Decision, Memory, Policy, decide
from llmfleet.core.scaling.load import tick
from llmfleet.core.scaling.rest import idle_seconds
from llmfleet.core.scaling.sample import Sample
from llmfleet.core.scaling.why import Why

POLICY = Policy(0, 4, queue_depth=4, max_concurrency=4, idle_seconds=60, awake_seconds=60)
SILENT, BUSY = Sample(), Sample(1.0, 0.0, idle_seconds=0.0)


class Fleet:
    """Looked at every two seconds; idle pods get older as real ones do."""

    def __init__(self, size: int = 1, policy: Policy = POLICY) -> None:
        self.size, self.policy, self.now = size, policy, 1000.0
        self.memory = Memory.fresh(self.now)
        self.quiet_since = self.now

    def idle(self, pods: int) -> list[Sample]:
        return [Sample(0.0, 0.0, f"pod-{each}", idle_seconds=self.now - self.quiet_since + 0.1) for each in range(pods)]

    def look(self, samples: list[Sample]) -> Decision:
        self.now += 2
        decision, self.memory = decide(self.policy, self.memory, self.size, tick(self.now, samples), self.now)
        self.size = decision.replicas
        return decision

    def rest(self, seconds: float, pods: int | None = None) -> Decision:
        for _ in range(int(seconds / 2)):
            decision = self.look(self.idle(self.size if pods is None else pods))
        return decision

    def wake(self, replicas: int = 1) -> None:
        keep = self.policy.awake_seconds
        self.memory = Memory(**{**vars(self.memory), "rest": self.memory.rest.wake(replicas, self.now, keep)})


@pytest.mark.parametrize("size", [1, 3])
def test_a_fleet_that_nobody_asks_goes_to_zero_after_its_time_and_not_before(size: int) -> None:
    fleet = Fleet(size)
    assert fleet.rest(60).replicas > 0
    decision = fleet.rest(4)
    assert (decision.replicas, decision.why, decision.load_seen) == (0, Why.IDLE, True)
    assert fleet.rest(300).why is Why.IDLE


def test_a_fleet_with_a_minimum_never_goes_to_zero() -> None:
    fleet = Fleet(policy=Policy(1, 4, queue_depth=4, max_concurrency=4))
    assert fleet.rest(3000).replicas == 1


def test_the_decision_says_for_how_long_nobody_asked() -> None:
    fleet = Fleet()
    fleet.rest(60)
    assert fleet.rest(2).message == "no request for 60 s, as every ready pod says: 0"


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([Sample(0.0, 0.0, idle_seconds=9.0), Sample(0.0, 0.0, idle_seconds=4.0)], 4.0, id="the shortest"),
        pytest.param([], None, id="no pod"),
        pytest.param([Sample(0.0, 0.0, idle_seconds=9.0), SILENT], None, id="a silent pod"),
        pytest.param([Sample(0.0, 0.0, idle_seconds=0.0)], None, id="a client that still reads its answer"),
        pytest.param([Sample(0.0, 0.0)], None, id="a pod that does not say for how long"),
        pytest.param([Sample(1.0, 0.0, idle_seconds=9.0)], None, id="a running request"),
        pytest.param([Sample(0.0, 1.0, idle_seconds=9.0)], None, id="a waiting request"),
        pytest.param([Sample(None, 0.0, idle_seconds=9.0)], None, id="a number that is absent"),
    ],
)
def test_only_every_pods_own_word_is_proof(samples: list[Sample], expected: float | None) -> None:
    assert idle_seconds(samples) == expected


@pytest.mark.parametrize(
    "disturbance",
    [
        pytest.param([SILENT], id="a silent pod"),
        pytest.param([BUSY], id="a request"),
        pytest.param([], id="a pod that is not ready"),
    ],
)
def test_whatever_is_no_proof_starts_the_time_anew(disturbance: list[Sample]) -> None:
    fleet = Fleet()
    fleet.rest(50)
    fleet.look(disturbance)
    assert fleet.rest(58).replicas == 1
    assert fleet.rest(8).replicas == 0


def test_a_request_between_two_looks_shows_in_the_pods_own_time() -> None:
    fleet = Fleet()
    fleet.rest(50)
    fleet.quiet_since = fleet.now - 0.5
    assert fleet.rest(58).replicas == 1


def test_the_time_starts_when_all_are_ready_and_never_before() -> None:
    fleet = Fleet(2)
    fleet.policy = Policy(
        0, 4, queue_depth=4, max_concurrency=4, idle_seconds=60, awake_seconds=60, hold_down_seconds=1e9
    )
    assert fleet.rest(900, pods=1).replicas == 2
    assert fleet.rest(56).replicas == 2
    assert fleet.rest(8).replicas == 0


@pytest.mark.parametrize("load", [None, "frozen"])
def test_no_data_never_means_idle(load: str | None) -> None:
    fleet, page = Fleet(), Sample(0.0, 0.0, "a", idle_seconds=5.0)
    for _ in range(1000):
        decision = fleet.look([page if load else SILENT])
    assert decision.replicas == 1


def test_a_call_wakes_a_fleet_at_once_and_says_so() -> None:
    fleet = Fleet(0)
    assert fleet.look([]).why is Why.IDLE
    fleet.wake(2)
    decision = fleet.look([])
    assert (decision.replicas, decision.why) == (2, Why.WOKEN)
    assert "told to wake 2" in decision.message


def test_a_woken_fleet_is_kept_from_its_first_ready_replica_on() -> None:
    fleet = Fleet(0)
    fleet.wake()
    for _ in range(500):
        assert fleet.look([]).replicas == 1
    assert fleet.rest(58).replicas == 1
    assert fleet.rest(8).replicas == 0


def test_a_call_for_more_than_runs_adds_and_one_for_less_takes_nothing() -> None:
    fleet = Fleet(1)
    fleet.wake(3)
    assert fleet.look(fleet.idle(1)).replicas == 3
    fleet.wake(1)
    assert fleet.look(fleet.idle(3)).replicas == 3


def test_no_call_goes_beyond_the_maximum() -> None:
    fleet = Fleet(0)
    fleet.wake(9)
    assert (fleet.look([]).replicas, fleet.look([]).why) == (4, Why.MAX_REPLICAS)


def test_an_operator_that_starts_anew_counts_from_its_own_first_look() -> None:
    fleet = Fleet()
    fleet.quiet_since = fleet.now - 100_000
    assert fleet.rest(58).replicas == 1
    assert fleet.rest(6).replicas == 0
