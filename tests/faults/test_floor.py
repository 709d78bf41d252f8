"""A fleet that served fewer midway is caught, however well it ends; what was meant to go is no loss."""

import threading

import pytest

from tests.faults.floor import Floor, losses
from tests.faults.play import must_serve


@pytest.mark.parametrize(
    ("seen", "least"),
    [
        pytest.param([2, 2, 2], 2, id="all the time"),
        pytest.param([0, 1, 2], 2, id="not yet there"),
        pytest.param([3, 2, 3], 2, id="more than must"),
        pytest.param([2, 0], 0, id="none must"),
    ],
)
def test_what_never_served_or_need_not_is_no_loss(seen: list[int], least: int) -> None:
    assert losses(seen, least) == []


@pytest.mark.parametrize(
    ("seen", "least", "words"),
    [
        pytest.param([2, 0, 2], 2, ["0 serve where 2 did and must"], id="none midway"),
        pytest.param([2, 1], 2, ["1 serve where 2 did and must"], id="fewer at the end"),
        pytest.param([0, 1, 0, 2], 2, ["0 serve where 1 did and must"], id="before all were there"),
        pytest.param([2, 1, 1, 2, 1], 2, ["1 serve where 2 did and must"], id="told once"),
    ],
)
def test_those_that_served_and_must_are_missed(seen: list[int], least: int, words: list[str]) -> None:
    assert losses(seen, least) == words


class Played:
    """Pods whose number a test sets; it can wait until they were looked at."""

    def __init__(self, ready: int) -> None:
        self.ready, self.fails = ready, False
        self._looked = threading.Semaphore(0)

    def ready_pods(self) -> int:
        self._looked.release()
        if self.fails:
            raise OSError("nobody answers")
        return self.ready

    def await_look(self) -> None:
        """Until somebody looks after this."""
        while self._looked.acquire(blocking=False):
            pass
        assert self._looked.acquire(timeout=10)

    def await_looks(self) -> None:
        """The second look from now on has begun after this, and by the third it is written down."""
        for _ in range(3):
            self.await_look()


def test_a_dip_is_seen_while_the_floor_stands() -> None:
    pods = Played(2)
    with Floor(pods) as floor:
        floor.hold(2)
        for ready in (0, 2):
            pods.ready = ready
            pods.await_looks()
        assert floor.losses() == ["0 serve where 2 did and must"]


def test_a_dip_is_none_while_the_floor_is_lifted_or_lower() -> None:
    pods = Played(2)
    with Floor(pods) as floor:
        for lower in (floor.lift, lambda: floor.hold(1)):
            floor.hold(2)
            lower()
            pods.ready = 1
            pods.await_looks()
            pods.ready = 2
            pods.await_looks()
        assert floor.losses() == []


def test_where_nobody_can_look_any_more_nothing_is_said_to_have_held() -> None:
    pods = Played(2)
    with Floor(pods) as floor:
        floor.hold(2)
        pods.fails = True
        pods.await_look()
        floor.close()
        with pytest.raises(AssertionError, match="has failed: nobody answers"):
            floor.losses()


@pytest.mark.parametrize(
    ("spec", "least"),
    [
        ({}, 2),
        ({"replicas": 3}, 3),
        ({"replicas": 3, "autoscaling": {"minReplicas": 2}}, 2),
        ({"replicas": 3, "rollout": {"type": "InPlace"}}, 2),
        ({"replicas": 1, "rollout": {"type": "InPlace"}}, 0),
        ({"rollout": {"type": "Surge"}}, 2),
    ],
    ids=str,
)
def test_in_place_alone_a_fleet_may_fall_below_its_size(spec: dict, least: int) -> None:
    assert must_serve(spec) == least
