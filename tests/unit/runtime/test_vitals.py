"""vitals.py: what a ready engine's looks come to, with an engine that is told what to show."""

import asyncio

import pytest

from llmfleet_runtime import vitals as module
from llmfleet_runtime.contract import LoadReport
from llmfleet_runtime.pulse import DOUBT_SECONDS
from llmfleet_runtime.vitals import DEATHS, SILENCE_SECONDS, Vitals

RUNNING = LoadReport(started=1, in_flight=2, running=2, generation_tokens=5)
SLOW_CLIENT = LoadReport(started=1, in_flight=1, running=0, waiting=0)
STALL_SECONDS = 60.0


class Engine:
    """Loopback and sampler in one; ``statuses`` of health come one a look, the last for ever."""

    def __init__(self):
        self.statuses, self.load = [200], RUNNING
        self.asked, self.answers = 0, True

    async def health(self):
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    async def report(self):
        return self.load

    async def try_request(self, model):
        assert model == "tiny"
        self.asked += 1
        if not self.answers:
            await asyncio.sleep(1e6)
        return "500: busy"


class Clock:
    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def vitals(engine, clock):
    return Vitals(engine, engine, "tiny", STALL_SECONDS)


async def look(vitals, clock, seconds=0.0):
    """One look, and whatever it started, then so many seconds pass."""
    await vitals._feel()
    await asyncio.sleep(0)
    clock.now += seconds


@pytest.mark.proves("R62")
async def test_a_silent_engine_is_told_after_half_a_minute(vitals, clock):
    clock.now += SILENCE_SECONDS - 1
    assert vitals.problem() == ""
    clock.now += 5
    assert vitals.problem() == "the engine has not answered for 34 s"


@pytest.mark.proves("R62", "F37")
async def test_an_engine_that_answers_and_stands_still_is_told(vitals, clock):
    await look(vitals, clock)
    vitals._answered_at = clock.now = clock.now + STALL_SECONDS - 1
    await look(vitals, clock, 1)
    assert vitals.problem() == "the engine has stood still for 60 s with 2 requests in flight"


async def test_a_page_that_does_not_come_proves_nothing(vitals, engine, clock):
    await look(vitals, clock, 20)
    engine.load = None
    await look(vitals, clock, 20)
    engine.load = RUNNING
    await look(vitals, clock, 25)
    vitals._answered_at = clock.now
    assert vitals.problem() == ""


async def test_a_doubt_is_settled_by_one_token_that_comes(vitals, engine, clock):
    engine.load = SLOW_CLIENT
    for _ in range(20):
        await look(vitals, clock, DOUBT_SECONDS)
        vitals._answered_at = clock.now
    assert 5 < engine.asked <= 20
    assert vitals.problem() == ""


@pytest.mark.proves("F37")
async def test_a_token_that_never_comes_is_a_stall_and_asked_for_once(vitals, engine, clock):
    engine.load, engine.answers = SLOW_CLIENT, False
    for _ in range(10):
        await look(vitals, clock, DOUBT_SECONDS)
        vitals._answered_at = clock.now
    assert engine.asked == 1
    assert vitals.problem().startswith("the engine has stood still for")
    vitals._probe.cancel()


@pytest.mark.proves("F36")
async def test_an_engine_that_its_own_server_calls_dead_ends_the_following(vitals, engine, monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
    engine.statuses = [200, 503, None, *[503] * DEATHS, 200, 200]
    await asyncio.wait_for(vitals.follow(), 5)
    assert engine.statuses == [200, 200]


async def test_one_bad_answer_ends_nothing(vitals, engine, monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
    engine.statuses = [503, 503, 200, 503, 503, 200]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(vitals.follow(), 0.2)
