"""Keeps the engine's adapters as the live document names them: looks, decides, takes one step, looks again."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Protocol, TypeVar

from .adapters import SETTLE_SECONDS, Load, Point, Standing, Step, after_failure, is_tried, next_step, report, wake_at
from .base import Shapes
from .contract import Adapter, AdapterReason, AdapterStatus, LiveConfig
from .preflight import AdapterRefused
from .shelf import Shelf

log = logging.getLogger(__name__)

T = TypeVar("T")
LOOK_SECONDS = 5.0
"""A look at the engine's list without an event."""
FIRST_ROUND_SECONDS = 120.0
"""So long a starting pod waits for its adapters; it serves without the ones that are not there by then."""
FETCH_SECONDS = 600.0
"""So long one adapter may take to come before the others have their turn; a hub's client goes on where it was."""
WORDS_CHARACTERS = 200
"""Of the engine's, of which the end tells most."""


class Adapted(Protocol):
    """The engine, as far as adapters go; texts are "" or its words."""

    async def adapters(self) -> frozenset[str] | None:
        """What it lists; None without an answer."""

    async def load_adapter(self, name: str, path: str) -> str:
        """Load a folder."""

    async def unload_adapter(self, name: str) -> str:
        """Forget a name."""

    async def point(self, names: Mapping[str, str]) -> bool:
        """Set the public names."""


class Upkeep:
    """One engine's adapters. Needs a running loop."""

    def __init__(self, engine: Adapted, shelf: Shelf, base: Callable[[], Shapes], max_rank: int) -> None:
        """``base`` reads the base model's shapes; it is asked once, when the first adapter comes."""
        self._engine = engine
        self._shelf = shelf
        self._base = base
        self._max_rank = max_rank
        self._shapes: Shapes | None = None
        self._standing = Standing()
        self._has_pointed = False
        self._changed = asyncio.Event()
        self._step: asyncio.Task[None] | None = None

    def want(self, live: LiveConfig) -> None:
        """Serve its adapters from now on; a document without any member of the name leaves things as they are."""
        adapters = live.adapters
        if adapters is not None and adapters != self._standing.wanted:
            kept = {each.version for each in adapters}
            attempts = {version: each for version, each in self._standing.attempts.items() if version in kept}
            self._standing = replace(self._standing, wanted=adapters, attempts=attempts)
            self._changed.set()

    def report(self) -> tuple[AdapterStatus, ...]:
        """How each adapter stands."""
        return report(self._standing)

    async def first_round(self, seconds: float) -> None:
        """Until every adapter serves or has failed once, or the time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(FIRST_ROUND_SECONDS, seconds)):
                while not self._has_pointed or not is_tried(self._standing):
                    await self._go()

    async def follow(self, stop: asyncio.Event) -> None:
        """One step after the other; a pod that leaves keeps what it has."""
        while not stop.is_set():
            await self._go()

    async def _go(self) -> None:
        """Look and take a step, or wait until there may be one. What stops the waiting stops no step."""
        if self._step is not None and not self._step.done():
            await asyncio.shield(self._step)
        listed = await self._engine.adapters()
        now = time.monotonic()
        if listed is not None:
            self._standing = replace(self._standing, loaded=listed)
            step = Point(self._standing.pointed) if not self._has_pointed else next_step(self._standing, now)
            if step is not None:
                self._step = asyncio.create_task(self._take(step))
                await asyncio.shield(self._step)
                return
        due = wake_at(self._standing) if listed is not None else None
        wait = LOOK_SECONDS if due is None else min(LOOK_SECONDS, max(0.05, due - now))
        with contextlib.suppress(TimeoutError):
            # Not wait_for: before Python 3.12 it loses a cancellation that comes with the event.
            async with asyncio.timeout(wait):
                await self._changed.wait()
        self._changed.clear()

    async def _take(self, step: Step) -> None:
        if isinstance(step, Load):
            await self._load(step.adapter)
        elif isinstance(step, Point):
            if await self._engine.point(step.names):
                log.info("adapters served: %s", ", ".join(sorted(step.names.values())) or "none")
                settled = time.monotonic() + SETTLE_SECONDS
                self._standing = replace(self._standing, pointed=step.names, settled_at=settled)
                self._has_pointed = True
            else:
                await asyncio.sleep(1)
        else:
            words = await self._engine.unload_adapter(step.version)
            log.info("adapter %s unloaded%s", step.version, f": {words}" if words else "")
            if words:
                await asyncio.sleep(1)

    async def _load(self, adapter: Adapter) -> None:
        began = time.monotonic()
        try:
            await self._bring(adapter)
        except AdapterRefused as error:
            self._failed(adapter, error.reason, str(error))
        except TimeoutError:
            words = f"its files did not come within {FETCH_SECONDS:g} s"
            self._failed(adapter, AdapterReason.DOWNLOAD_FAILED, words)
        except Exception as error:  # noqa: BLE001 because a hub's client raises anything, and the pod serves on
            self._failed(adapter, AdapterReason.DOWNLOAD_FAILED, repr(error))
        else:
            log.info("adapter %s loaded in %.1f s", adapter.version, time.monotonic() - began)
            left = {version: each for version, each in self._standing.attempts.items() if version != adapter.version}
            commit = self._shelf.commit(adapter)
            commits = {**self._standing.commits, adapter.version: commit} if commit else self._standing.commits
            self._standing = replace(self._standing, attempts=left, commits=commits)

    async def _bring(self, adapter: Adapter) -> None:
        fetching = _aside(lambda: self._shelf.put(adapter, self._base_shapes(), self._max_rank))
        async with asyncio.timeout(FETCH_SECONDS):
            place = await fetching
        words = await self._engine.load_adapter(adapter.version, str(place))
        if words:
            self._shelf.discard(adapter)
            raise AdapterRefused(AdapterReason.REFUSED, words[-WORDS_CHARACTERS:])

    def _base_shapes(self) -> Shapes:
        if self._shapes is None:
            self._shapes = self._base()
            log.info("the base model has %d known weight matrices", len(self._shapes))
        return self._shapes

    def _failed(self, adapter: Adapter, reason: AdapterReason, message: str) -> None:
        log.warning("adapter %s failed: %s: %s", adapter.version, reason, message)
        attempts = after_failure(self._standing.attempts, adapter.version, reason, message, time.monotonic())
        self._standing = replace(self._standing, attempts=attempts)


async def _aside(call: Callable[[], T]) -> T:
    """Run in a thread that never holds up the end of the process, however long a hub or a disk takes."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as error:  # noqa: BLE001 because it is raised again where it is awaited
            future.set_exception(error)

    threading.Thread(target=run, name="adapter", daemon=True).start()
    return await asyncio.wrap_future(future)
