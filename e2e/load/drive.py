"""Sends requests from many clients until told to stop, bounded in count and time.

Closed loop: each client sends its next request when the last one ended. Open loop (``rate``):
requests start at fixed moments, whatever became of the earlier ones. Half of the clients keep
their connection, the other half open one for each request, because a leaving server fails the two
in different ways.
"""

import asyncio
import contextlib
import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp

from .report import Report
from .request import Outcome, Request

MOST_SECONDS = 1800.0
MOST_REQUESTS = 100_000
"""A plan beyond these is refused: no load runs for ever by mistake."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, by how many, for how long."""

    url: str
    model: str
    clients: int = 8
    seconds: float = 60.0
    requests: int = MOST_REQUESTS
    rate: float | None = None
    """Requests per second in open loop; None is closed loop."""
    max_tokens: int = 64
    stream: bool = True
    timeout_seconds: float = 120.0
    extra: dict[str, Any] = field(default_factory=dict)
    """Members added to each body."""

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= MOST_SECONDS or not 0 < self.requests <= MOST_REQUESTS:
            raise ValueError(f"a load is at most {MOST_SECONDS:.0f} s and {MOST_REQUESTS} requests")

    def request(self, number: int, *, fresh: bool) -> Request:
        """The body of request ``number``; each has its own prompt, so that no cache answers for the engine."""
        body: dict[str, Any] = {
            "model": self.model,
            "prompt": f"{number}: once upon a time there was a fleet of",
            "max_tokens": self.max_tokens,
            "ignore_eos": True,
            "stream": self.stream,
        }
        if self.stream:
            body["stream_options"] = {"include_usage": True}
        return Request(self.url, body | self.extra, self.timeout_seconds, fresh)


@dataclass(slots=True)
class Tally:
    """What has happened so far; written by the loop, read from anywhere."""

    outcomes: list[Outcome] = field(default_factory=list)
    started: int = 0
    streaming: int = 0
    """Streams that have brought text and have not ended."""

    @property
    def failed(self) -> int:
        """How many of the ended requests failed."""
        return sum(not outcome.is_ok for outcome in self.outcomes)


async def drive(plan: Plan, stop: asyncio.Event | None = None, tally: Tally | None = None) -> Report:
    """Run the plan. After ``stop`` nothing new is sent; what is in flight is waited for and counted."""
    tally, stop = tally or Tally(), stop or asyncio.Event()
    began = time.monotonic()
    async with asyncio.timeout(plan.seconds + plan.timeout_seconds + 30), asyncio.TaskGroup() as group:
        clock = group.create_task(stop_after(plan.seconds, stop))
        try:
            await (closed_loop(plan, stop, tally) if plan.rate is None else open_loop(plan, plan.rate, stop, tally))
        finally:
            clock.cancel()
    return Report.of(tally.outcomes, time.monotonic() - began)


async def stop_after(seconds: float, stop: asyncio.Event) -> None:
    """The bound in time."""
    await asyncio.sleep(seconds)
    stop.set()


async def closed_loop(plan: Plan, stop: asyncio.Event, tally: Tally) -> None:
    """Every client has its own session, as separate users have; every second one keeps its connection."""

    async def client(*, fresh: bool) -> None:
        async with open_session(fresh=fresh) as session:
            while not stop.is_set() and tally.started < plan.requests:
                await send(plan, session, tally, fresh=fresh)

    async with asyncio.TaskGroup() as group:
        for number in range(plan.clients):
            group.create_task(client(fresh=number % 2 == 0))


async def open_loop(plan: Plan, rate: float, stop: asyncio.Event, tally: Tally) -> None:
    """Requests start on a fixed grid, so that a slow server does not slow its own load."""
    began = time.monotonic()
    async with open_session(fresh=True) as fresh, open_session(fresh=False) as kept, asyncio.TaskGroup() as group:
        while tally.started < plan.requests:
            wait = began + tally.started / rate - time.monotonic()
            try:
                async with asyncio.timeout(max(wait, 0)):
                    await stop.wait()
                return  # noqa: TRY300 because the exception is the way on
            except TimeoutError:
                is_fresh = tally.started % 2 == 0
                sending = send(plan, fresh if is_fresh else kept, tally, fresh=is_fresh)
                group.create_task(sending)
                # The task counts itself as started before the next moment is computed.
                await asyncio.sleep(0)


def open_session(*, fresh: bool) -> aiohttp.ClientSession:
    """A session without retries (aiohttp repeats only GET and its like) that keeps or closes its connections."""
    connector = aiohttp.TCPConnector(limit=0, force_close=fresh)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))


async def send(plan: Plan, session: aiohttp.ClientSession, tally: Tally, *, fresh: bool) -> None:
    """Send one request and record what became of it."""
    number, tally.started = tally.started, tally.started + 1
    seen = False

    def on_text(_: str) -> None:
        nonlocal seen
        if not seen:
            seen, tally.streaming = True, tally.streaming + 1

    try:
        tally.outcomes.append(await plan.request(number, fresh=fresh).send(session, on_text))
    finally:
        tally.streaming -= seen


class Background:
    """A load in a thread of its own, for code that meanwhile does something to the server.

    ``with Background(plan) as load: …`` and then ``load.report``: leaving waits for what is in flight.
    """

    def __init__(self, plan: Plan) -> None:
        """Prepare; entering starts."""
        self.tally = Tally()
        self._plan = plan
        self._ask_to_stop: Callable[[], object] = lambda: None
        self._begun = threading.Event()
        self._result: Report | BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._begun.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()

    @property
    def is_running(self) -> bool:
        """Whether requests are being sent or waited for."""
        return self._thread.is_alive()

    def until(self, wanted: Callable[[Tally], bool], seconds: float) -> None:
        """Wait until the counts are as wanted; raises TimeoutError after ``seconds`` or when the load ended."""
        deadline = time.monotonic() + seconds
        while not wanted(self.tally):
            if time.monotonic() > deadline or not self.is_running:
                raise TimeoutError(
                    f"the load did not come so far within {seconds:.0f} s: {len(self.tally.outcomes)} done"
                )
            # Joining for a moment is a poll that notices the load's end at once.
            self._thread.join(0.02)

    def stop(self) -> Report:
        """Send nothing more, wait for what is in flight, and report."""
        self._finish()
        return self.report

    @property
    def report(self) -> Report:
        """What was measured; only once the load has ended."""
        if isinstance(self._result, Report):
            return self._result
        raise RuntimeError("the load has not ended" if self._result is None else "the load broke") from self._result

    def _finish(self) -> None:
        # The loop is closed already when the load ended by itself.
        with contextlib.suppress(RuntimeError):
            self._ask_to_stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._result = asyncio.run(self._drive())
        except BaseException as error:  # noqa: BLE001 because it is raised again where the report is read
            self._result = error

    async def _drive(self) -> Report:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        self._ask_to_stop = functools.partial(loop.call_soon_threadsafe, stop.set)
        self._begun.set()
        return await drive(self._plan, stop, self.tally)
