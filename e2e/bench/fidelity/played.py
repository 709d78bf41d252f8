"""A trace and a policy on real engines, by the machine's clock: the simulation's fleet with engines as its replicas."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from random import Random

import aiohttp

from e2e.load.drive import open_session
from llmfleet.core.simulation.fleet import Fleet, Pod, World
from llmfleet.core.simulation.outcome import Change, Outcome, Size, Tally
from llmfleet.core.simulation.replica import Replica
from llmfleet.core.simulation.request import Arrival, Request
from llmfleet.core.simulation.run import Page, Scaler, Scene
from llmfleet_runtime.contract import METRICS_PATH
from llmfleet_runtime.load import report

from .engine import felt_of, sent


class Engine(Replica):
    """A real engine in a replica's place; it takes the time that it takes."""

    __slots__ = ("_serve", "url")

    def __init__(self, world: World, number: int, now: float, url: str, serve: "Serve") -> None:
        """``url`` up to and without ``/v1``; ``serve`` sends a request there."""
        super().__init__(world.profile, number, now)
        self.url, self._serve = url, serve

    def submit(self, request: Request, now: float) -> bool:  # noqa: ARG002 because a replica is told the time
        """See ``Replica``; nothing is planned."""
        self.outstanding += 1
        self._serve(self, request)
        return False


Serve = Callable[[Engine, Request], None]


class Engines(Fleet):
    """Engines that run all the time, and are let in when their start-up would be over."""

    def __init__(self, world: World, size: int, urls: Sequence[str], serve: Serve) -> None:
        """As many ``urls`` as the world's quota: there is one for each that starts."""
        self._free, self._serve = deque(urls), serve
        super().__init__(world, size, Random(0))  # noqa: S311 because nothing is kept secret by it

    def replica(self, number: int, now: float) -> Replica:
        """See ``Fleet``."""
        return Engine(self._world, number, now, self._free.popleft(), self._serve)

    def left(self, replica: Replica, now: float) -> None:
        """See ``Fleet``; the engine may be let in again, as another pod."""
        super().left(replica, now)
        if isinstance(replica, Engine):
            self._free.append(replica.url)


class Run:
    """One trace under one policy."""

    def __init__(self, scene: Scene, scaler: Scaler, urls: Sequence[str], session: aiohttp.ClientSession) -> None:
        """``scene`` as in a simulation."""
        self._scene, self._scaler, self._session = scene, scaler, session
        self._fleet = Engines(scene.world, scene.initial, urls, self._serve)
        self._tally = Tally(scene.promise, scene.seconds)
        self._changes: list[Change] = []
        self._largest = scene.initial
        self._answers: list[asyncio.Task[None]] = []
        self._began = time.monotonic()

    @property
    def _now(self) -> float:
        return time.monotonic() - self._began

    async def play(self, arrivals: Iterable[Arrival]) -> Outcome:
        """Send each request at its time; what came of it. Raises RuntimeError when an engine failed one."""
        looks = asyncio.create_task(self._look_on())
        for each in arrivals:
            await self._until(each.time)
            self._arrive(each)
        await self._until(self._scene.seconds)
        spent = self._fleet.spent(self._scene.seconds)
        await asyncio.gather(looks, *self._answers)
        return self._tally.outcome(spent, self._changes, self._largest, 0)

    def _arrive(self, arrival: Arrival) -> None:
        self._tally.came(arrival.time)
        if self._fleet.ready:
            self._fleet.submit(Request(arrival), arrival.time)
        else:
            self._tally.refused += 1

    def _serve(self, engine: Engine, request: Request) -> None:
        self._answers.append(asyncio.create_task(self._answered(engine, request)))

    async def _answered(self, engine: Engine, request: Request) -> None:
        began = self._now
        outcome = await sent(self._session, engine.url, request.prompt, request.output)
        request.first, request.end = began + felt_of(outcome).first_token, began + outcome.latency
        engine.outstanding -= 1
        self._tally.ended([request])
        if engine in self._fleet.leaving and not engine.outstanding:
            self._fleet.left(engine, self._now)
            self._expect(self._fleet.place(self._now))

    async def _look_on(self) -> None:
        at = self._scaler.every_seconds
        while at <= self._scene.seconds:
            await self._until(at)
            await self._look()
            at += self._scaler.every_seconds

    async def _look(self) -> None:
        ready = [each for each in self._fleet.ready if isinstance(each, Engine)]
        pages = await asyncio.gather(*map(self._page, ready))
        now, before = self._now, self._fleet.size
        after, why = self._scaler.size(pages, before, now)
        if after != before:
            self._expect(self._fleet.resize(after, now))
            self._changes.append(Change(now, before, after, why))
            self._largest = max(self._largest, after)
        self._tally.looked(Size(now, after, len(self._fleet.ready)))

    async def _page(self, engine: Engine) -> Page:
        """As the pod's launcher would print it."""
        async with self._session.get(engine.url + METRICS_PATH) as response:
            page = await response.text()
        return Page(str(engine.number), report(page, 0.0, engine.outstanding))

    def _expect(self, pods: Iterable[Pod]) -> None:
        for pod in pods:
            asyncio.get_running_loop().call_later(max(0.0, pod.ready_at - self._now), partial(self._start, pod))

    def _start(self, pod: Pod) -> None:
        self._fleet.start(pod, self._now)

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self._now))


async def played(arrivals: Sequence[Arrival], scene: Scene, scaler: Scaler, urls: Sequence[str]) -> Outcome:
    """One trace under one policy on these engines."""
    async with open_session(fresh=False) as session:
        return await Run(scene, scaler, urls, session).play(arrivals)
