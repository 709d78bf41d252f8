"""Any row of wanted adapters, over an engine that refuses and restarts, ends with exactly the last ones served."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmfleet_runtime.adapters import Load, Point, Standing, Unload, after_failure, next_step, report
from llmfleet_runtime.contract import Adapter, AdapterReason, AdapterState

NAMES, SOURCES = ("a", "b", "c"), ("file:///1", "file:///2", "file:///bad")
WANTED = st.lists(
    st.builds(Adapter, name=st.sampled_from(NAMES), uri=st.sampled_from(SOURCES)), unique_by=lambda each: each.name
).map(tuple)
EVENTS = st.lists(st.one_of(WANTED, st.just("restart"), st.integers(1, 6)), max_size=12)


class World:
    """An engine, its guard, and the planner that drives both; what must never happen fails at once."""

    def __init__(self):
        self.standing = Standing()
        self.now = 0.0
        self.good: set[str] = set()
        """Public names that have answered and are still wanted."""

    def want(self, adapters):
        self.standing = replace(self.standing, wanted=adapters)
        self.good &= {each.name for each in adapters}

    def restart(self):
        self.standing = replace(self.standing, loaded=frozenset(), pointed={})
        self.good = set()

    def step(self):
        """Whether there was one."""
        now, given = self.now, self.standing
        step = next_step(given, now)
        self.now += 1.0
        if isinstance(step, Load):
            assert step.adapter.version not in given.loaded
            if step.adapter.uri.endswith("bad"):
                failed = after_failure(given.attempts, step.adapter.version, AdapterReason.REFUSED, "no", now)
                self.standing = replace(given, attempts=failed)
            else:
                self.standing = replace(given, loaded=given.loaded | {step.adapter.version})
        elif isinstance(step, Point):
            assert set(step.names.values()) <= given.loaded
            self.standing = replace(given, pointed=step.names, settled_at=now + 2.0)
            self.good |= set(step.names)
        elif isinstance(step, Unload):
            assert step.version not in given.pointed.values()
            self.standing = replace(given, loaded=given.loaded - {step.version})
        assert all(self.standing.pointed[name] in self.standing.loaded for name in self.good)
        return step is not None

    def rest(self):
        for _ in range(200):
            self.step()


def play(events):
    world = World()
    for event in events:
        if event == "restart":
            world.restart()
        elif isinstance(event, int):
            for _ in range(event):
                world.step()
        else:
            world.want(event)
    return world


@pytest.mark.proves("F43")
@given(EVENTS, WANTED)
def test_every_row_of_wishes_ends_with_the_last_one_served(events, last):
    world = play(events)
    before = dict(world.standing.pointed)
    world.want(last)
    world.rest()
    good = {each.name: each.version for each in last if not each.uri.endswith("bad")}
    broken = {each.name for each in last} - set(good)
    pointed = world.standing.pointed
    assert {name: version for name, version in pointed.items() if name in good} == good
    assert {name: version for name, version in pointed.items() if name in broken} == {
        name: version for name, version in before.items() if name in broken
    }
    assert world.standing.loaded == set(pointed.values())
    states = {each.name: each.state for each in report(world.standing)}
    assert states == dict.fromkeys(good, AdapterState.LOADED) | dict.fromkeys(broken, AdapterState.FAILED)


@given(EVENTS, WANTED)
def test_at_rest_there_is_no_step_but_another_attempt(events, last):
    world = play(events)
    world.want(last)
    world.rest()
    for _ in range(40):
        step = next_step(world.standing, world.now)
        assert step is None or (isinstance(step, Load) and step.adapter.uri.endswith("bad"))
        world.step()
