"""Whole rollouts on every path: with and without room, seen and unseen, given up and taken back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmfleet.api.status import RevisionRole
from tests.builders import deployment, revision, with_spec
from tests.property.operator.worlds import BAD, go, said, serves, settled, status
from tests.simulator import Simulator

FEW = settings(max_examples=12)
SIZES = st.integers(1, 4)


@pytest.mark.proves("R58", "F28")
@FEW
@given(SIZES, st.integers(0, 3))
def test_with_surge_and_no_free_gpu_the_old_revision_goes_on_serving(size: int, spare: int) -> None:
    world = settled(size, spare, type="Surge", progressDeadlineSeconds=120)
    world.edit(engine=BAD)
    go(world, 25, floor=size)
    if spare:
        assert serves(world, revision(world.raw), size)
        return
    assert said(world, "Reconciling") == ("True", "InsufficientGPU")
    assert said(world, "CapacityAvailable") == ("False", "InsufficientGPU")
    assert said(world, "Stalled")[0] == "False"
    go(world, 30, floor=size)
    assert said(world, "Stalled")[0] == "False", "waiting for a GPU is never overdue"


@pytest.mark.proves("R58")
@FEW
@given(SIZES, st.integers(0, 3), st.booleans())
def test_auto_surges_while_a_gpu_is_free_and_goes_in_place_when_none_is(size: int, spare: int, seen: bool) -> None:  # noqa: FBT001 because hypothesis gives it
    world = settled(size, spare)
    world.sees_nodes = seen
    world.edit(engine=BAD)
    paths = go(world, 60, floor=size if spare else size - 1)
    assert serves(world, revision(world.raw), size)
    assert paths[-1] == ("Surge" if spare else "InPlace")
    assert said(world, "Ready") == ("True", "AllReplicasReady")
    assert status(world).rollout is None


@FEW
@given(SIZES)
def test_a_dip_in_capacity_is_said_before_it_happens(size: int) -> None:
    world = settled(size, 0)
    world.edit(engine=BAD)
    for _ in range(60):
        told = status(world).rollout
        before = world.ready()
        world.operate()
        world._control()
        if world.ready() < before:
            assert told is not None
            assert (told.path, told.reason) == ("InPlace", "NoFreeGPU")
            assert f"{size - 1} of {size} replicas serve" in told.message if size > 1 else "no replica" in told.message
        world.step()
    assert serves(world, revision(world.raw), size)


@FEW
@given(SIZES, st.integers(0, 3))
def test_in_place_never_has_more_pods_than_wanted(size: int, spare: int) -> None:
    world = settled(size, spare, type="InPlace")
    world.edit(engine=BAD)
    for _ in range(40):
        world.operate()
        assert sum(world.sizes().values()) <= size
        world.step()
        assert world.ready() >= size - 1
    assert serves(world, revision(world.raw), size)


@pytest.mark.proves("R59")
@FEW
@given(SIZES, st.integers(0, 2), st.sampled_from(["Auto", "Surge", "InPlace"]))
def test_a_revision_without_progress_is_given_up_and_the_last_good_one_comes_back(
    size: int, spare: int, kind: str
) -> None:
    world = settled(size, spare + (kind == "Surge"), type=kind, progressDeadlineSeconds=120)
    good = revision(world.raw)
    in_place = kind == "InPlace" or (kind == "Auto" and not spare)
    world.edit(engine=BAD)
    bad = revision(world.raw)
    world.bad.add(bad)
    go(world, 40, floor=size - in_place)
    assert serves(world, good, size)
    assert said(world, "Stalled") == ("True", "RolledBack")
    assert said(world, "Available") == ("True", "Serving")
    assert (status(world).revision, status(world).served_revision) == (bad, good)
    assert [each.name for each in status(world).revisions if each.role is RevisionRole.GIVEN_UP] == [bad]
    before = world.counter
    go(world, 40, floor=size)
    assert world.counter == before, "what was given up is not tried again"


@pytest.mark.proves("R59")
@FEW
@given(st.integers(2, 4), st.integers(1, 3), st.integers(0, 6), st.sampled_from(["Auto", "InPlace"]), st.booleans())
def test_a_fleet_that_grows_while_a_new_revision_starts_gets_what_it_asks_for_be_that_one_bad_or_not(
    size: int,
    more: int,
    steps: int,
    kind: str,
    is_bad: bool,  # noqa: FBT001 because hypothesis gives it
) -> None:
    world = settled(size, more + 1, type=kind, progressDeadlineSeconds=600)
    good, in_place = revision(world.raw), kind == "InPlace"
    world.edit(engine=BAD)
    new = revision(world.raw)
    if is_bad:
        world.bad.add(new)
    go(world, steps, floor=size - in_place)
    world.edit(replicas=size + more)
    go(world, 12, floor=size - in_place)
    assert world.ready() >= size + more - in_place, "long before the deadline"
    go(world, 60, floor=size + more - in_place)
    assert serves(world, good if is_bad else new, size + more)


@FEW
@given(SIZES, st.sampled_from([{"engine": {"maxModelLen": 777}}, {"rollout": {"restartTime": "2026-11-21T13:00:00Z"}}]))
def test_a_given_up_revision_ends_with_the_next_spec(size: int, edit: dict) -> None:
    world = settled(size, progressDeadlineSeconds=120)
    world.edit(engine=BAD)
    world.bad.add(revision(world.raw))
    go(world, 40, floor=size)
    world.edit(**edit)
    go(world, 40, floor=size)
    assert serves(world, revision(world.raw), size)
    assert said(world, "Ready")[0] == "True"


def test_after_going_back_by_hand_the_bad_revision_may_be_tried_again() -> None:
    world = settled(2, progressDeadlineSeconds=120)
    good = revision(world.raw)
    world.edit(engine=BAD)
    bad = revision(world.raw)
    world.bad.add(bad)
    go(world, 40, floor=2)
    world.edit(engine=None)
    go(world, 10, floor=2)
    assert serves(world, good, 2)
    assert said(world, "Ready")[0] == "True"
    world.bad.clear()
    world.edit(engine=BAD)
    go(world, 40, floor=2)
    assert serves(world, bad, 2)


def test_without_rollback_a_revision_without_progress_stalls_and_stays() -> None:
    world = settled(2, progressDeadlineSeconds=120, rollback="Never")
    good = revision(world.raw)
    world.edit(engine=BAD)
    world.bad.add(revision(world.raw))
    go(world, 40, floor=2)
    assert world.ready(good) == 2
    assert world.sizes()[revision(world.raw)] == 1
    assert said(world, "Stalled")[0] == "True"


def test_a_first_revision_has_nothing_to_go_back_to() -> None:
    world = Simulator(deployment(with_spec(replicas=1, rollout={"progressDeadlineSeconds": 60})))
    world.bad.add(revision(world.raw))
    go(world, 30, floor=0)
    assert said(world, "Stalled") == ("True", "OutOfGPUMemory")
    world.bad.clear()
    world.run()
    assert serves(world, revision(world.raw), 1)


@FEW
@given(SIZES)
def test_when_idle_waits_for_idle_and_then_rolls(size: int) -> None:
    world = settled(size, type="WhenIdle", whenIdle={"idleSeconds": 30, "timeoutSeconds": 3600})
    old = revision(world.raw)
    world.idle_seconds = 5
    world.edit(engine=BAD)
    assert go(world, 20, floor=size) == ["Waiting"]
    assert said(world, "Reconciling") == ("True", "WaitingForIdle")
    assert serves(world, old, size)
    world.idle_seconds = 31
    world.operate()
    world.idle_seconds = 0
    go(world, 40, floor=size)
    assert serves(world, revision(world.raw), size), "once begun it goes on"


def test_when_idle_does_not_wait_for_ever_and_silence_is_not_idleness() -> None:
    world = settled(1, type="WhenIdle", whenIdle={"idleSeconds": 30, "timeoutSeconds": 300})
    old = revision(world.raw)
    world.idle_seconds = None
    world.edit(engine=BAD)
    go(world, 25, floor=1)
    assert serves(world, old, 1)
    go(world, 25, floor=1)
    assert serves(world, revision(world.raw), 1)


def test_a_new_restart_time_replaces_every_pod_and_nothing_else_changes() -> None:
    world = settled(2)
    before, old = set(world.pods), revision(world.raw)
    world.edit(rollout={"restartTime": "2026-11-21T12:30:00Z"})
    go(world, 30, floor=2)
    assert serves(world, revision(world.raw), 2)
    assert revision(world.raw) != old
    assert before.isdisjoint(world.pods)


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_as_many_earlier_revisions_are_kept_as_the_limit_says(limit: int) -> None:
    world = settled(1, revisionHistoryLimit=limit)
    for length in range(1000, 6000, 1000):
        world.edit(engine={"maxModelLen": length})
        world.run()
    assert sum(ref.kind == "ControllerRevision" for ref in world.objects) == 1 + limit
