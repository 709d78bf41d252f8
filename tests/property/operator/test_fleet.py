"""What holds of a fleet in every world: kill the operator after any action, show it the past, edit at any time."""

from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from llmfleet.core.plan import Annotate, Plan
from llmfleet.core.world import Observed
from llmfleet.shell.errors import Conflict
from tests.builders import deployment, revision, with_spec
from tests.simulator import Simulator

GPUS = 8
SIZES = st.integers(0, 4)
EDITS = st.one_of(
    SIZES.map(lambda size: {"replicas": size}),
    st.integers(1, 3).map(lambda number: {"engine": {"maxModelLen": 1000 * number}}),
    st.integers(1, 3).map(lambda seconds: {"lifecycle": {"drainTimeoutSeconds": seconds}}),
    st.integers(1, 3).map(lambda port: {"service": {"port": 8000 + port}}),
    st.lists(st.sampled_from(("sql", "chat")), unique=True).map(
        lambda names: {"lora": {"adapters": [{"name": name, "uri": "hf://team/a"} for name in names]}}
    ),
)
World = Simulator
FEW = settings(max_examples=10)


def do_edit(edit: dict) -> Callable[[World], None]:
    return lambda world: world.edit(**edit)


def do_prefix(share: float) -> Callable[[World], None]:
    """A pass that is killed after some of its actions."""

    def act(world: World) -> None:
        actions = world.plan().actions
        world.act(actions[: round(share * len(actions))])

    return act


def do_stumble(number: int) -> Callable[[World], None]:
    return lambda world: world.stumble(sorted(world.pods)[number % len(world.pods)]) if world.pods else None


PASSES = st.floats(0, 1).map(do_prefix)
WHOLE = st.just(lambda world: world.operate())
STEPS = st.just(lambda world: world.step())
EVENTS = st.lists(st.one_of(EDITS.map(do_edit), PASSES, WHOLE, STEPS, STEPS, STEPS), max_size=25)
STUMBLES = st.integers(0, 9).map(do_stumble)
ACCIDENTS = st.lists(st.one_of(EDITS.map(do_edit), PASSES, WHOLE, STEPS, STUMBLES), max_size=25)


def fleet(size: int = 2) -> World:
    return Simulator(deployment(with_spec(replicas=size)), gpus=GPUS)


def settled(size: int = 2) -> World:
    world = fleet(size)
    world.run()
    return world


def is_as_wanted(world: World) -> bool:
    of, size = revision(world.raw), world.raw["spec"]["replicas"]
    return world.sizes().get(of) == size and world.ready(of) == size and len(world.pods) == size


@pytest.mark.proves("R04")
@given(ACCIDENTS)
def test_every_history_ends_in_a_fleet_that_is_as_its_spec_says(events: list) -> None:
    """Among them: passes killed after any of their actions."""
    world = fleet()
    for event in events:
        event(world)
    world.run()
    assert is_as_wanted(world)
    ready = next(each for each in world.raw["status"]["conditions"] if each["type"] == "Ready")
    assert ready["status"] == "True"


@pytest.mark.proves("R02")
@given(EVENTS)
def test_at_rest_there_is_nothing_to_do(events: list) -> None:
    world = fleet()
    for event in events:
        event(world)
    world.run()
    before = world.counter
    for _ in range(3):
        assert world.operate().actions == ()
        world.step()
    assert world.counter == before


@pytest.mark.proves("R05", "F1", "F2")
@pytest.mark.parametrize("edit", [{"engine": {"maxModelLen": 700}}, {"replicas": 4}, {"replicas": 1}, {"replicas": 0}])
def test_killed_after_each_action_it_still_converges(edit: dict) -> None:
    """Every prefix of every plan on the way from one settled fleet to another."""
    way = settled(3)
    way.edit(**edit)
    for _ in range(30):
        actions = way.plan().actions
        for length in range(len(actions)):
            killed = way.copy()
            killed.act(actions[:length])
            killed.run()
            assert is_as_wanted(killed)
        way.operate()
        way.step()
    assert is_as_wanted(way)


def floor_held(world: World, wanted: int, act: Callable[[], None]) -> None:
    """The operator's actions, and what the platform makes of them, leave as many ready as were and are wanted."""
    before = world.ready()
    act()
    world._control()
    assert world.ready() >= min(wanted, before)


@given(EVENTS)
def test_no_pass_takes_a_ready_pod_that_is_wanted(events: list) -> None:
    world = settled()
    for event in events:
        event(world)
        fork = world.copy()
        fork._control()
        floor_held(fork, fork.raw["spec"]["replicas"], lambda fork=fork: fork.act(fork.plan().actions))


@pytest.mark.proves("R59")
@given(EVENTS)
def test_an_edit_never_drops_the_fleet_below_what_is_wanted_and_was_there(events: list) -> None:
    """Over a whole rollout, however interrupted; a pod that an earlier, lower size gave up is not there any more."""
    world = settled()
    for event in events:
        asked = sum(min(world.ready(of), size) for of, size in world.sizes().items())
        least = min(asked, world.raw["spec"]["replicas"])
        event(world)
        assert world.ready() >= min(least, world.raw["spec"]["replicas"])


@given(EVENTS)
def test_at_most_one_pod_more_than_wanted_is_ever_asked_for(events: list) -> None:
    world, most = settled(), 2
    for event in events:
        most = max(most, world.raw["spec"]["replicas"])
        event(world)
        assert sum(world.sizes().values()) <= most + 1


@pytest.mark.proves("R06", "F19")
@settings(max_examples=60)
@given(EVENTS, st.integers(0, 6), st.floats(0, 1))
def test_a_stale_view_does_no_harm(events: list, age: int, share: float) -> None:
    """The operator plans on a cache that is some events behind; what it writes on what has changed is refused."""
    world = settled()
    views: list[tuple[Observed, int]] = []
    for event in events:
        past = world.copy()
        views.append((past.observe(), past.raw["spec"]["replicas"]))
        event(world)
        world._control()
    assume(views)
    view, wanted_then = views[max(0, len(views) - 1 - age)]
    actions = world.plan(view).actions

    def act() -> None:
        try:
            world.act(actions[: round(share * len(actions))])
        except Conflict:
            return

    floor_held(world, min(wanted_then, world.raw["spec"]["replicas"]), act)
    world.run()
    assert is_as_wanted(world)


@pytest.mark.proves("R09", "R59")
@FEW
@given(st.integers(1, 4), st.lists(STEPS, max_size=4), SIZES)
def test_a_bad_new_revision_never_takes_a_ready_old_pod(size: int, steps: list, later: int) -> None:
    world = settled(size)
    old = revision(world.raw)
    world.edit(engine={"maxModelLen": 666})
    world.bad.add(revision(world.raw))
    for _ in range(15):
        world.operate()
        world.step()
        assert world.ready(old) == size
    stalled = next(each for each in world.raw["status"]["conditions"] if each["type"] == "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "OutOfGPUMemory")
    world.edit(engine={"maxModelLen": 777}, replicas=max(1, later))
    world.run()
    assert is_as_wanted(world)


@pytest.mark.proves("R60")
@given(st.lists(st.none() | st.integers(0, 2**40), min_size=2, max_size=5), st.integers(1, 4), st.data())
def test_who_leaves_tells_no_more_requests_than_who_stays(loads: list, left: int, data: st.DataObject) -> None:
    """A pod that does not tell counts as the busiest; that it does tell later is nothing to write."""
    assume(left < len(loads))
    world = settled(len(loads))
    world.loads = dict(zip(world.pods, data.draw(st.permutations(loads)), strict=True))
    world.edit(replicas=left)
    world.operate()
    world.step()
    busy = {name: float("inf") if load is None else min(load, 2**31) for name, load in world.loads.items()}
    gone, stays = (sorted(busy[name] for name in names) for names in (world.leaving, busy.keys() - world.leaving))
    assert (len(stays), gone[-1] <= stays[0]) == (left, True)
    world.loads = dict.fromkeys(world.pods, 0)
    assert not any(isinstance(each, Annotate) for each in world.operate().actions)


@FEW
@given(st.integers(1, 4), st.integers(0, 12))
def test_an_edit_back_reuses_the_revision_and_restarts_no_pod_that_is_left(size: int, steps: int) -> None:
    world = settled(size)
    of, template = revision(world.raw), world.plan().revision
    records = [ref for ref in world.objects if ref.kind == "ControllerRevision"]
    frozen = world.objects[records[0]]["data"]
    world.edit(engine={"maxModelLen": 666})
    for _ in range(steps):
        world.operate()
        world.step()
    left = {name for name in world.pods if world.is_ready(name) and world._is_of(name, of)}
    world.edit(engine=None)
    world.run()
    assert (revision(world.raw), world.plan().revision) == (of, template)
    assert world.objects[records[0]]["data"] == frozen
    assert is_as_wanted(world)
    assert left <= set(world.pods)


@FEW
@given(st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_the_live_number_only_grows(seconds: list[int]) -> None:
    world, seen = settled(), [1]
    for each in seconds:
        world.edit(lifecycle={"drainTimeoutSeconds": each})
        world.run()
        seen.append(world._live_number())
        assert set(world.live_numbers.values()) == {seen[-1]}
    assert seen == sorted(seen)


@FEW
@given(st.lists(st.integers(1, 6), min_size=1, max_size=8))
def test_what_is_kept_of_the_past_is_bounded(lengths: list[int]) -> None:
    world = settled(1)
    for each in lengths:
        world.edit(engine={"maxModelLen": 1000 * each})
        world.run()
    kinds = [ref.kind for ref in world.objects]
    assert kinds.count("ControllerRevision") <= 3
    assert (kinds.count("Deployment"), kinds.count("ConfigMap")) == (1, 2)


def test_the_plan_is_the_same_in_whatever_order_objects_are_listed() -> None:
    world = settled(3)
    world.edit(engine={"maxModelLen": 666})
    for _ in range(8):
        turned = world.copy()
        turned.objects = dict(reversed(list(world.objects.items())))
        turned.pods = dict(reversed(list(world.pods.items())))
        plans: list[Plan] = [world.plan(), turned.plan()]
        assert plans[0] == plans[1]
        world.operate()
        world.step()
