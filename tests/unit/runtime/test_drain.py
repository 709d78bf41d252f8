"""drain.py: when a leaving pod may stop."""

import asyncio

import pytest

from llmfleet_runtime import drain as module
from llmfleet_runtime.drain import Ledger, Verdict, drain, verdict
from llmfleet_runtime.loopback import GuardState

SERVE, DONE, OVERDUE = Verdict.SERVE, Verdict.DONE, Verdict.OVERDUE
IDLE = GuardState(0, 0, 0, 0.0)
BUSY = GuardState(3, 0, 0, 0.0)
RECENT = GuardState(0, 1, 0, 2.5)


@pytest.mark.proves("R56", "F38")
@pytest.mark.parametrize(
    ("elapsed", "lag", "deadline", "state", "expected"),
    [
        (0, 8, 120, IDLE, SERVE),  # proxies do not know yet
        (7.9, 8, 120, IDLE, SERVE),
        (8, 8, 120, IDLE, DONE),
        (8, 8, 120, BUSY, SERVE),
        (119.9, 8, 120, BUSY, SERVE),
        (120, 8, 120, BUSY, OVERDUE),
        (8, 8, 120, RECENT, SERVE),  # that client may use its connection again
        (120, 8, 120, RECENT, OVERDUE),
        (8, 8, 120, None, SERVE),  # unknown is not idle
        (120, 8, 120, None, OVERDUE),
        (1, 8, 0, BUSY, SERVE),  # the lag comes first
        (8, 8, 0, BUSY, OVERDUE),
        (8, 8, 0, IDLE, DONE),
        (0, 0, 0, IDLE, DONE),
    ],
)
def test_the_verdict(elapsed, lag, deadline, state, expected):
    assert verdict(elapsed, lag, deadline, state) is expected


class Guard:
    """A guard that answers from a list, the last answer for ever."""

    def __init__(self, *states):
        self.states = list(states)
        self.asked = []

    def _next(self, what):
        self.asked.append(what)
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    async def drain(self, mode):
        return self._next(mode)

    async def guard_state(self):
        return self._next("state")


@pytest.fixture(autouse=True)
def short_tick(monkeypatch):
    monkeypatch.setattr(module, "TICK_SECONDS", 0.001)


async def test_a_drain_that_ends_counts_what_it_saw():
    guard = Guard(BUSY, GuardState(1, 2, 0, 0.0), GuardState(0, 3, 1, 0.3), GuardState(0, 4, 1, 0.0))
    ledger = await drain(guard, 0.0, lambda: 10.0)
    assert (ledger.in_flight_at_start, ledger.finished, ledger.aborted) == (3, 4, 1)
    assert guard.asked == ["closing", "state", "state", "state"]


async def test_an_idle_pod_still_waits_for_the_lag():
    ledger = await drain(Guard(IDLE), 0.05, lambda: 10.0)
    assert 0.05 <= ledger.seconds < 1


async def test_past_the_deadline_it_refuses_and_counts_the_rest_as_aborted():
    guard = Guard(BUSY, GuardState(2, 1, 0, 0.0))
    ledger = await drain(guard, 0.0, lambda: 0.02)
    assert (ledger.in_flight_at_start, ledger.finished, ledger.aborted) == (3, 1, 2)
    assert guard.asked[-1] == "refusing"


async def test_the_deadline_is_the_newest_one():
    deadlines = iter([100.0, 100.0])
    ledger = await asyncio.wait_for(drain(Guard(BUSY), 0.0, lambda: next(deadlines, 0.0)), 1)
    assert ledger.aborted == 3


async def test_a_guard_that_did_not_hear_is_told_again():
    guard = Guard(None, None, BUSY, IDLE)
    ledger = await drain(guard, 0.0, lambda: 10.0)
    assert guard.asked == ["closing", "closing", "closing", "state"]
    assert ledger.in_flight_at_start == 3


async def test_a_guard_that_never_answers_leaves_the_numbers_unknown():
    ledger = await drain(Guard(None), 0.0, lambda: 0.02)
    assert ledger == Ledger(seconds=ledger.seconds)
