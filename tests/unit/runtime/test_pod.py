"""pod.py from inside: what only a pod that stands still for half a minute shows."""

import asyncio
import time

import pytest

from llmfleet_runtime import pod as module
from llmfleet_runtime.argv import Platform
from llmfleet_runtime.contract import EngineConfig, Phase
from llmfleet_runtime.guard import TOKEN_VARIABLE
from llmfleet_runtime.lifecycle import Event
from llmfleet_runtime.places import Places
from llmfleet_runtime.pod import Pod
from llmfleet_runtime.start import Start
from llmfleet_runtime.vitals import SILENCE_SECONDS


class Engine:
    """An engine that never answers; ``stops`` keeps the grace it was given."""

    def __init__(self):
        self.started = 1.0
        self.exited = asyncio.get_running_loop().create_future()
        self.stops = []

    async def stop(self, grace):
        self.stops.append(grace)
        if not self.exited.done():
            self.exited.set_result(-9)
        return self.exited.result()

    def output(self):
        return ""


@pytest.fixture
async def engine():
    return Engine()


@pytest.fixture
async def pod(engine, tmp_path, unused_tcp_port):
    config = EngineConfig(model="m", served_names=("a",))
    start = Start(("python3",), {TOKEN_VARIABLE: "secret"})
    pod = Pod(config, Platform("0.32.0", port=unused_tcp_port), Places(tmp_path), engine, start)
    yield pod
    await pod._loopback.close()


def bring_to(pod, phase):
    events = [Event.ENGINE_HEALTHY, Event.ENGINE_ANSWERED]
    while pod.status().phase != phase:
        pod._happened(events.pop(0))


def stall(pod):
    pod._vitals._answered_at = time.monotonic() - SILENCE_SECONDS - 4


@pytest.mark.proves("R62")
async def test_a_ready_engine_that_stops_answering_is_not_alive(pod):
    bring_to(pod, Phase.READY)
    assert (pod.is_alive(), pod.is_ready(), pod.status().message) == (True, True, "")
    stall(pod)
    assert (pod.is_alive(), pod.is_ready()) == (False, False)
    assert pod.status().message == "the engine has not answered for 34 s"


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.WARMING])
async def test_an_engine_that_is_not_ready_yet_may_be_silent(pod, phase):
    bring_to(pod, phase)
    stall(pod)
    assert pod.is_alive()


async def test_a_stalled_engine_is_not_drained(pod, engine):
    bring_to(pod, Phase.READY)
    stall(pod)
    pod.ask_to_stop()
    farewell = await asyncio.wait_for(pod.live_through(), 5)
    assert (farewell.message, farewell.seconds, engine.stops) == ("stopped while stalled", None, [0])


async def test_a_pod_whose_engine_has_ended_is_not_alive(pod, engine):
    bring_to(pod, Phase.READY)
    engine.exited.set_result(0)
    assert not pod.is_alive()


async def test_a_bad_live_document_is_said_in_the_status(pod):
    (pod._live.folder / "live.json").write_text("{")
    pod._live.read()
    assert pod.status().message.startswith("live.json is not valid, number 0 stays")


async def test_a_start_that_takes_too_long_says_what_it_was_waiting_for(pod, engine, monkeypatch):
    monkeypatch.setattr(pod, "_config", pod._config.model_copy(update={"startup_timeout_seconds": 0.1}))
    monkeypatch.setattr(pod, "_status", pod._status.model_copy(update={"message": "the first request failed: 500"}))
    farewell = await asyncio.wait_for(pod.live_through(), 5)
    assert farewell.message == "the engine was not ready after 0.1 s; the first request failed: 500"
    assert (farewell.reason, engine.stops) == ("EngineDied", [0])


async def test_a_drain_with_a_silent_guard_ends_at_the_deadline(pod, engine, monkeypatch):
    monkeypatch.setattr(pod, "_config", pod._config.model_copy(update={"endpoint_lag_seconds": 0.0}))
    monkeypatch.setattr(pod._live, "config", pod._live.config.model_copy(update={"drain_timeout_seconds": 0.2}))
    bring_to(pod, Phase.READY)
    pod.ask_to_stop()
    farewell = await asyncio.wait_for(pod.live_through(), 5)
    assert (farewell.reason, farewell.finished, farewell.aborted) == ("Stopped", None, None)
    assert engine.stops == [module.STOP_GRACE_SECONDS]
