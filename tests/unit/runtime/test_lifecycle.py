"""lifecycle.py: the whole table, every phase with every event."""

import itertools

import pytest

from llmfleet_runtime.contract import Phase
from llmfleet_runtime.lifecycle import FINAL, TRANSITIONS, Event, after

S, W, R, D, P, F = (
    Phase.STARTING,
    Phase.WARMING,
    Phase.READY,
    Phase.DRAINING,
    Phase.STOPPING,
    Phase.FAILED,
)

ENGINES = [phase for phase in Phase if phase is not Phase.DOWNLOADING]
"""Phases in which there is an engine; the table is about those."""

TABLE = {
    Event.ENGINE_HEALTHY: {S: W, W: W, R: R, D: D, P: P, F: F},
    Event.ENGINE_ANSWERED: {S: S, W: R, R: R, D: D, P: P, F: F},
    Event.STARTUP_TIMED_OUT: {S: F, W: F, R: R, D: D, P: P, F: F},
    Event.STOP_ASKED: {S: P, W: P, R: D, D: D, P: P, F: F},
    Event.STOP_ASKED_WHILE_STALLED: {S: P, W: P, R: P, D: D, P: P, F: F},
    Event.DRAINED: {S: S, W: W, R: R, D: P, P: P, F: F},
    Event.ENGINE_DIED: {S: F, W: F, R: F, D: F, P: P, F: F},
}


@pytest.mark.parametrize(("event", "phase"), [*itertools.product(Event, ENGINES)])
def test_every_phase_knows_every_event(event, phase):
    assert after(phase, event) == TABLE[event][phase]


def test_final_phases_have_no_way_out():
    assert not [phase for phase, _ in TRANSITIONS if phase in FINAL]


def test_every_phase_can_be_reached_and_every_event_is_used():
    assert {*TRANSITIONS.values(), Phase.STARTING} == {*ENGINES}
    assert {event for _, event in TRANSITIONS} == {*Event}


def test_a_long_life():
    phases = list(
        itertools.accumulate(
            (Event.ENGINE_HEALTHY, Event.ENGINE_ANSWERED, Event.STOP_ASKED, Event.STOP_ASKED, Event.DRAINED),
            after,
            initial=Phase.STARTING,
        )
    )
    assert phases == [S, W, R, D, D, P]
