"""Clients without retries: each counts every answer that is not a whole stream."""

import asyncio
import itertools
import json
import time
from dataclasses import dataclass, field

import aiohttp

from llmfleet_runtime.contract import ExitCode


@dataclass
class Tally:
    """What clients saw."""

    whole: int = 0
    told_to_close: int = 0
    failures: list[str] = field(default_factory=list)


async def stream(session, url, tokens, tally):
    """One streamed completion of exactly ``tokens`` tokens."""
    body = {"model": "tiny", "prompt": f"count {tokens}", "max_tokens": tokens, "stream": True, "temperature": 0}
    body["stream_options"] = {"include_usage": True}
    try:
        async with session.post(url, json=body) as answer:
            text = await answer.text()
            tally.told_to_close += answer.headers.get("Connection", "").lower() == "close"
        assert answer.status == 200, f"{answer.status} {text[:200]}"
        events = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
        assert events[-1] == "[DONE]", text[-200:]
        # A stream that the engine cuts also ends with [DONE]; its last event then says "error" and has no usage.
        last = json.loads(events[-2])
        assert last.get("usage", {}).get("completion_tokens") == tokens, events[-2][:200]
        tally.whole += 1
    except (aiohttp.ClientError, OSError, AssertionError, ValueError) as error:
        tally.failures.append(repr(error)[:300])


async def client(number, url, tally, until):
    """Stream after stream until the time ``until()``, each with its own connection or all over one."""
    connector = aiohttp.TCPConnector(force_close=number % 2 == 0, limit=1)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=120)) as session:
        for count in itertools.count():
            if time.monotonic() >= until():
                return
            await stream(session, url, 60 + 20 * (number + count) % 200, tally)


async def swarm(count, url, tally, until):
    """``count`` clients at once: even numbers over fresh connections, odd ones over one kept alive."""
    await asyncio.gather(*(client(number, url, tally, until) for number in range(count)))


async def leave_under_load(pod, count, lag):
    """``count`` clients lose nothing while their pod leaves; its farewell. ``lag`` seconds requests may still come.

    Endpoints keep sending new requests for a while after the signal; here for most of the lag.
    """
    tally, ends = Tally(), [float("inf")]
    url = f"http://127.0.0.1:{pod.serving}/v1/completions"
    swarming = asyncio.create_task(swarm(count, url, tally, lambda: ends[0]))
    await asyncio.sleep(0.6 * lag)
    before = tally.whole
    pod.terminate()
    ends[0] = time.monotonic() + 0.7 * lag
    await swarming
    assert await asyncio.to_thread(pod.wait, 60) == ExitCode.STOPPED
    assert tally.failures == []
    assert before > count
    assert tally.told_to_close > count
    farewell = pod.farewell()
    assert (farewell.reason, farewell.aborted) == ("Stopped", 0)
    assert 1 <= farewell.in_flight_at_start <= count
    assert abs(farewell.finished - (tally.whole - before)) <= count
    return farewell
