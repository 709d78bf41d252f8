"""A pod with real vLLM that leaves: drain under load, early SIGTERM, sudden death."""

import asyncio
import os
import signal
import time
from pathlib import Path

import aiohttp
import pytest

from llmfleet_runtime.contract import ExitCode, Phase, RuntimeStatus
from tests.engine.clients import Tally, leave_under_load, stream
from tests.engine.conftest import READY_SECONDS

LAG_SECONDS = 8.0
KERNEL_SECONDS = 5.0


def workers_of(server):
    """The processes behind a server, the engine's core last."""
    return [int(each) for each in Path(f"/proc/{server}/task/{server}/children").read_text().split()]


def remaining(*processes):
    """Those that are there still once the kernel had time to take away what was killed: it frees gigabytes first."""
    deadline = time.monotonic() + KERNEL_SECONDS
    while (left := [each for each in processes if Path(f"/proc/{each}").exists()]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.mark.proves("R56", "F38")
async def test_sixteen_clients_lose_nothing_when_their_pod_leaves(start):
    pod = start(endpointLagSeconds=LAG_SECONDS, drainTimeoutSeconds=120)
    await asyncio.to_thread(pod.until_ready, READY_SECONDS)
    farewell = await leave_under_load(pod, 16, LAG_SECONDS)
    assert LAG_SECONDS <= farewell.seconds < LAG_SECONDS + 10


@pytest.mark.proves("R56")
async def test_a_long_stream_outlives_the_lag_and_the_deadline_ends_another(start):
    pod = start(endpointLagSeconds=1, drainTimeoutSeconds=120)
    await asyncio.to_thread(pod.until_ready, READY_SECONDS)
    tally, url = Tally(), f"http://127.0.0.1:{pod.serving}/v1/completions"
    async with aiohttp.ClientSession(headers={"Connection": "close"}) as session:
        long = asyncio.create_task(stream(session, url, 2000, tally))
        endless = asyncio.create_task(stream(session, url, 8000, tally))
        await asyncio.sleep(0.5)
        pod.terminate()
        await long
        assert (tally.whole, pod.phase()) == (1, Phase.DRAINING)
        (pod.folder / "config" / "live.json").write_text('{"version": 1, "number": 2, "drainTimeoutSeconds": 1}')
        await endless
    assert await asyncio.to_thread(pod.wait, 20) == ExitCode.STOPPED
    assert (tally.whole, len(tally.failures)) == (1, 1)
    farewell = pod.farewell()
    assert (farewell.in_flight_at_start, farewell.finished, farewell.aborted) == (2, 1, 1)


def test_sigterm_while_vllm_starts_ends_it_at_once(start):
    pod = start()
    pod.until(lambda: "Initializing" in pod.output() or "APIServer" in pod.output(), READY_SECONDS)
    engine = pod.engine_pid()
    began = time.monotonic()
    pod.terminate()
    assert pod.wait(10) == ExitCode.STOPPED
    assert time.monotonic() - began < 3
    assert pod.farewell().message == "stopped before it was ready"
    assert not remaining(engine)


@pytest.mark.proves("F36")
def test_a_killed_engine_process_is_told_with_exit_code_70(start):
    pod = start()
    pod.until_ready(READY_SECONDS)
    server = pod.engine_pid()
    workers = workers_of(server)
    os.kill(workers[-1], signal.SIGKILL)
    assert pod.wait(30) == ExitCode.ENGINE_DIED
    assert pod.farewell().message.startswith("the engine ended by itself, with exit code 0")
    assert not remaining(*workers)


@pytest.mark.proves("F36")
def test_a_dead_engine_behind_a_living_server_is_told_with_exit_code_70(start, monkeypatch):
    """As an image may set it; a user may not."""
    monkeypatch.setenv("VLLM_KEEP_ALIVE_ON_ENGINE_DEATH", "1")
    pod = start()
    pod.until_ready(READY_SECONDS)
    server = pod.engine_pid()
    workers = workers_of(server)
    os.kill(workers[-1], signal.SIGKILL)
    pod.until(lambda: pod.get("/health", pod.serving)[0] == 503, 10)
    assert Path(f"/proc/{server}").exists()
    assert pod.wait(20) == ExitCode.ENGINE_DIED
    assert pod.farewell().message.startswith("the engine died and its server went on without it")
    assert not remaining(server)


@pytest.mark.proves("F37", "R62")
@pytest.mark.parametrize("is_busy", [True, False], ids=["while it streams", "while it is idle"])
async def test_a_frozen_engine_is_told_and_left_out_and_stopped_at_once(start, monkeypatch, is_busy):
    """Its server goes on answering /health. What froze while idle shows with the first request."""
    monkeypatch.setenv("LLMFLEET_STALL_SECONDS", "18")
    pod = start(drainTimeoutSeconds=600)
    await asyncio.to_thread(pod.until_ready, READY_SECONDS)
    server, tally = pod.engine_pid(), Tally()
    core = workers_of(server)[-1]
    async with aiohttp.ClientSession() as session:
        if not is_busy:
            os.kill(core, signal.SIGSTOP)
        streaming = asyncio.create_task(stream(session, f"http://127.0.0.1:{pod.serving}/v1/completions", 6000, tally))
        await asyncio.sleep(1)
        os.kill(core, signal.SIGSTOP)
        await asyncio.to_thread(pod.until, lambda: pod.get("/livez")[0] == 503, 40)
        assert pod.get("/health", pod.serving)[0] == 200
        assert pod.get("/readyz")[0] == 503
        message = RuntimeStatus.model_validate_json(pod.get("/status")[1]).message
        assert "the engine has stood still for" in message
        assert "with 1 requests in flight" in message or "with 2 requests in flight" in message
        began = time.monotonic()
        pod.terminate()
        assert await asyncio.to_thread(pod.wait, 10) == ExitCode.STOPPED
        assert time.monotonic() - began < 5
        await streaming
    assert pod.farewell().message == "stopped while stalled"
    assert not remaining(core)


@pytest.mark.proves("F36")
def test_a_killed_server_process_leaves_no_worker_behind(start):
    pod = start()
    pod.until_ready(READY_SECONDS)
    server = pod.engine_pid()
    workers = workers_of(server)
    os.kill(server, signal.SIGKILL)
    assert pod.wait(30) == ExitCode.ENGINE_DIED
    assert "by signal 9 (SIGKILL)" in pod.farewell().message
    assert not remaining(*workers)


def test_a_value_that_vllm_refuses_is_a_bad_configuration(start):
    pod = start(args=[{"name": "seed", "value": "x"}])
    assert pod.wait(60) == ExitCode.BAD_CONFIG
    assert "argument --seed: invalid" in pod.farewell().message


def test_a_missing_model_is_told_in_the_engines_words(start):
    pod = start(model="/nowhere/model")
    assert pod.wait(90) == ExitCode.ENGINE_DIED
    assert "/nowhere/model" in pod.farewell().message
