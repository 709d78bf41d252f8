"""A keyed work queue: passes of one key never overlap, wake-ups coalesce, rechecks and back-off are delays."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from llmfleet.shell.errors import Conflict, FleetError

K = TypeVar("K")
FIRST_BACKOFF_SECONDS = 0.5
LAST_BACKOFF_SECONDS = 30.0
FIRST_SPACING_SECONDS = 1.0
LAST_SPACING_SECONDS = 2.0
CALM_SECONDS = 1.0
"""A key that nothing has woken for so long is worked on at once."""

log = logging.getLogger(__name__)


class WorkQueue(Generic[K]):
    """Runs ``work(key)`` for each woken key. The work returns seconds until its next pass, or None.

    FleetError is retried with a doubling delay, a Conflict sooner; a wake-up cuts any delay short but the one that
    the server asked for. Wake-ups that keep coming are worked off ever less often, down to once in two seconds, unless
    one is ``at_once``. Any other exception is a bug: logged with its trace, retried at the longest delay, and its key
    is in ``defective`` until a pass of it ends otherwise.
    """

    def __init__(self, work: Callable[[K], Awaitable[float | None]], workers: int) -> None:
        """``workers`` keys are worked on side by side at the most."""
        self._work = work
        self._slots = asyncio.Semaphore(workers)
        self._tasks: dict[K, asyncio.Task[None]] = {}
        self._woken: dict[K, asyncio.Event] = {}
        self._rushed: dict[K, asyncio.Event] = {}
        self.defective: set[K] = set()
        """Keys whose last pass failed on a bug."""

    def wake(self, key: K, *, at_once: bool = False) -> None:
        """Ask for a pass: now, or right after the one under way; ``at_once`` whatever woke it lately."""
        self._woken.setdefault(key, asyncio.Event()).set()
        if at_once:
            self._rushed.setdefault(key, asyncio.Event()).set()
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._serve(key))

    def looks(self, key: K) -> None:
        """Said by the work as it begins to look: of what was news until here, no further pass is wanted."""
        if key in self._woken:
            self._woken[key].clear()

    def forget(self, key: K) -> None:
        """Drop a key whose object is gone; a pass under way ends first."""
        woken = self._woken.pop(key, None)
        self.defective.discard(key)
        if woken:
            woken.set()

    async def close(self) -> None:
        """Cancel all passes and wait for them."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _serve(self, key: K) -> None:
        delay: float | None = None
        backoff, spacing, ended = FIRST_BACKOFF_SECONDS, 0.0, -CALM_SECONDS
        clock = asyncio.get_running_loop().time
        try:
            while woken := self._woken.get(key):
                try:
                    # Not wait_for: before Python 3.12 it loses a cancellation that comes with the event.
                    async with asyncio.timeout(delay):
                        await woken.wait()
                    backoff, spacing = FIRST_BACKOFF_SECONDS, _wider(spacing, clock() - ended)
                    await self._spaced(key, ended + spacing - clock())
                except TimeoutError:
                    pass
                if key not in self._woken:
                    return
                woken.clear()
                async with self._slots:
                    delay, backoff, silence = await self._pass(key, backoff)
                ended = clock()
                await asyncio.sleep(silence)
        finally:
            self._tasks.pop(key, None)
            self._rushed.pop(key, None)

    async def _spaced(self, key: K, seconds: float) -> None:
        """Let time pass between two passes, unless somebody cannot wait."""
        rushed = self._rushed.setdefault(key, asyncio.Event())
        try:
            if seconds > 0:
                async with asyncio.timeout(seconds):
                    await rushed.wait()
        except TimeoutError:
            pass
        finally:
            self._rushed.pop(key, None)

    async def _pass(self, key: K, backoff: float) -> tuple[float | None, float, float]:
        """One pass: the delay until the next, the back-off after that, and what no wake-up may cut of the delay."""
        try:
            following = await self._work(key), FIRST_BACKOFF_SECONDS, 0.0
        except Conflict as error:
            log.debug("%s: %s; looking again", key, error)
            following = backoff / 5, min(2 * backoff, LAST_BACKOFF_SECONDS), 0.0
        except FleetError as error:
            log.warning("%s: %s; again in %.1f s", key, error, max(backoff, error.retry_after))
            left = max(0.0, backoff - error.retry_after)
            following = left, min(2 * backoff, LAST_BACKOFF_SECONDS), error.retry_after
        except Exception:
            if key in self._woken:
                self.defective.add(key)
            log.exception("%s: a defect; again in %.0f s", key, LAST_BACKOFF_SECONDS)
            return LAST_BACKOFF_SECONDS, backoff, 0.0
        self.defective.discard(key)
        return following


def _wider(spacing: float, calm: float) -> float:
    """The next distance between the end of a pass and a woken one, after so much calm, seconds."""
    if calm >= CALM_SECONDS:
        return 0.0
    return min(2 * spacing, LAST_SPACING_SECONDS) or FIRST_SPACING_SECONDS
