"""What goes wrong beside a rollout must not cost what serves, nor keep it from its end."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from llmfleet.api.status import RevisionRole
from llmfleet.core.world import Observed
from tests import builders
from tests.builders import revision
from tests.property.operator.worlds import BAD, go, said, serves, settled, status
from tests.simulator import Simulator, _with


def restart_containers(world: Simulator, of: str) -> None:
    """Every pod of a revision begins its start anew, as after a reboot of its node."""
    for name in [name for name in world.pods if world._is_of(name, of)]:
        fresh = (builders._with_condition("Ready", "False"), builders._with_container(started=False, ready=False))
        world.pods[name] = _with(world.pods[name], *fresh)
        world.ages[name] = 0


def refuse_places(world: Simulator, of: str, words: str) -> None:
    """The scheduler finds no node for one revision, whatever is free."""
    usual = world._schedule

    def schedule() -> None:
        for name in [name for name in world.pods if world._is_of(name, of) and not world._is_placed(name)]:
            world._become(name, _with(world.pods[name], builders.unschedulable(words)))
        theirs = {name: pod for name, pod in world.pods.items() if world._is_of(name, of)}
        world.pods = {name: pod for name, pod in world.pods.items() if name not in theirs}
        usual()
        world.pods |= theirs

    world._schedule = schedule  # type: ignore[method-assign]  # because one world is played differently


@pytest.mark.proves("R30")
def test_a_revision_that_became_ready_while_nobody_looked_is_not_given_up() -> None:
    world = settled(1, 0, type="InPlace", progressDeadlineSeconds=120)
    world.edit(engine=BAD)
    for _ in range(4):
        world.operate()
        world.step()
    for _ in range(40):
        world.step()
    go(world, 10, floor=1)
    assert serves(world, revision(world.raw), 1)


@pytest.mark.proves("F28")
def test_a_revision_that_lost_its_place_while_nobody_looked_is_not_given_up() -> None:
    world = settled(1, 0, type="Surge", progressDeadlineSeconds=120)
    world.edit(engine=BAD)
    world.operate()
    world.operate()
    for _ in range(40):
        world.step()
    go(world, 10, floor=1)
    assert said(world, "Reconciling") == ("True", "InsufficientGPU")
    assert not [each for each in status(world).revisions if each.role is RevisionRole.GIVEN_UP]


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize("size", [1, 3])
def test_no_old_pod_leaves_for_one_that_no_node_takes(size: int, seen: bool) -> None:  # noqa: FBT001 because parametrize gives it
    world = settled(size, 0)
    world.sees_nodes = seen
    world.edit(pod={"nodeSelector": {"disk": "nope"}})
    refuse_places(world, revision(world.raw), "0/3 nodes are available: 3 node(s) didn't match Pod's node selector.")
    go(world, 60, floor=size)
    assert said(world, "CapacityAvailable") == ("False", "Unschedulable")


@pytest.mark.parametrize("kind", ["Auto", "WhenIdle"])
def test_good_pods_that_restart_are_not_taken_for_pods_that_never_served(kind: str) -> None:
    world = settled(3, 1, type=kind, rollback="Never", progressDeadlineSeconds=120)
    world.idle_seconds = 0
    good = revision(world.raw)
    world.edit(engine=BAD)
    world.bad.add(revision(world.raw))
    go(world, 10, floor=3)
    restart_containers(world, good)
    go(world, 30, floor=0)
    assert world.ready(good) == 3


@pytest.mark.proves("R58")
def test_an_edit_over_a_bad_revision_takes_its_gpu_and_not_a_good_pods() -> None:
    world = settled(2, 1)
    world.edit(engine=BAD)
    world.bad.add(revision(world.raw))
    go(world, 6, floor=2)
    world.edit(engine={"maxModelLen": 777})
    go(world, 40, floor=2)
    assert serves(world, revision(world.raw), 2)


def ended(pod: dict) -> None:
    pod["status"] = {"phase": "Failed", "reason": "Evicted"}


def lost(pod: dict) -> None:
    pod["spec"]["nodeName"] = "dead"
    pod["metadata"]["deletionTimestamp"] = builders.NOW


@pytest.mark.proves("F29")
@pytest.mark.parametrize("left", [ended, lost], ids=lambda each: each.__name__)
def test_a_pod_object_that_lingers_is_no_room_to_wait_for(left: Callable[[dict], None]) -> None:
    world = settled(2, 0)
    usual = world.observe
    lingering = builders.pod(revision(world.raw), left, name="zz")

    def observe() -> Observed:
        world.pods["zz"] = lingering
        seen = usual()
        del world.pods["zz"]
        return replace(seen, capacity=builders.gpus_free(world._free()))

    world.observe = observe  # type: ignore[method-assign]  # because one world is played differently
    world.edit(engine=BAD)
    go(world, 60, floor=1)
    assert world.ready(revision(world.raw)) == 2


def test_the_scheduler_has_the_last_word_on_what_is_free() -> None:
    world = settled(2, 0)
    usual = world.observe
    world.observe = lambda: replace(usual(), capacity=builders.gpus_free(1))  # type: ignore[method-assign]  # because of a wrong count
    world.edit(engine=BAD)
    go(world, 60, floor=1)
    assert serves(world, revision(world.raw), 2)


def test_time_runs_while_one_pod_crashes_though_another_waits_for_room() -> None:
    world = settled(2, 1, type="Surge", surge={"maxSurge": 2}, progressDeadlineSeconds=120)
    good = revision(world.raw)
    world.edit(engine=BAD)
    world.bad.add(revision(world.raw))
    go(world, 60, floor=2)
    assert serves(world, good, 2)
    assert said(world, "Stalled") == ("True", "RolledBack")


def test_while_it_waits_to_be_idle_the_fleet_is_sized_in_the_revision_that_serves() -> None:
    world = settled(2, 4, type="WhenIdle", whenIdle={"idleSeconds": 30, "timeoutSeconds": 86400})
    world.idle_seconds = 0
    old = revision(world.raw)
    world.edit(engine=BAD)
    go(world, 5, floor=2)
    world.edit(replicas=4)
    go(world, 10, floor=2)
    assert serves(world, old, 4)
    world.edit(replicas=1)
    go(world, 10, floor=1)
    assert serves(world, old, 1)


def test_going_back_does_not_wait_to_be_idle() -> None:
    world = settled(2, 2, type="WhenIdle", whenIdle={"idleSeconds": 30}, progressDeadlineSeconds=120)
    good = revision(world.raw)
    world.idle_seconds = 31
    world.edit(engine=BAD)
    world.bad.add(revision(world.raw))
    world.operate()
    world.idle_seconds = 0
    go(world, 40, floor=2)
    assert serves(world, good, 2)


@pytest.mark.proves("R40", "R53")
def test_paused_after_going_back_is_not_ready() -> None:
    world = settled(2, 1, progressDeadlineSeconds=120)
    world.edit(engine=BAD)
    world.bad.add(revision(world.raw))
    go(world, 40, floor=2)
    world.edit(paused=True)
    go(world, 3, floor=2)
    assert said(world, "Ready") == ("False", "Paused")
    assert (status(world).served_generation or 0) < world.raw["metadata"]["generation"]


def test_what_was_given_up_stays_so_through_a_spec_that_cannot_be_read() -> None:
    world = settled(2, 1, progressDeadlineSeconds=120)
    world.edit(engine=BAD)
    bad = revision(world.raw)
    world.bad.add(bad)
    go(world, 40, floor=2)
    world.edit(replicas=-1)
    go(world, 3, floor=2)
    world.edit(replicas=2)
    go(world, 20, floor=2)
    assert said(world, "Stalled") == ("True", "RolledBack")
    assert bad not in world.sizes()


def test_the_dip_that_is_said_is_the_dip_of_the_present_size() -> None:
    world = settled(3, 0, type="InPlace")
    world.edit(engine=BAD)
    world.operate()
    world.edit(replicas=1)
    before = status(world).rollout
    world.operate()
    told = status(world).rollout
    assert before is not None
    assert told is not None
    assert "2 of 3" in before.message
    assert "no replica serves" in told.message
    assert world.ready() == 3


def test_surge_that_allows_fewer_says_so_before_it_takes_one() -> None:
    world = settled(1, 3, type="Surge", surge={"maxSurge": 1, "maxUnavailable": 1})
    old = revision(world.raw)
    world.edit(engine=BAD)
    world.operate()
    assert world.sizes() == {old: 1}
    assert "at most 1 fewer" in (status(world).rollout or pytest.fail("nothing said")).message


def test_a_slow_start_that_is_allowed_is_no_lack_of_progress() -> None:
    world = settled(1, 1)
    world.edit(lifecycle={"startupTimeoutSeconds": 7200})
    world.bad.add(revision(world.raw))
    go(world, 400, floor=1)
    assert not [each for each in status(world).revisions if each.role is RevisionRole.GIVEN_UP]
