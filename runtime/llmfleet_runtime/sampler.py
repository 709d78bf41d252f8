"""Reads the pod's traffic: the guard's count and the engine's metrics as one report."""

import asyncio
import time

from .contract import LoadReport
from .load import report
from .loopback import Loopback

FRESH_SECONDS = 0.5
"""Askers within this time share one answer."""


class Sampler:
    """Asks the engine only when asked itself, one page at a time."""

    def __init__(self, loopback: Loopback, started: float, *, is_page_optional: bool = False) -> None:
        """``started`` is the engine's start in Unix seconds.

        ``is_page_optional`` where the page waits for the engine's loop: then the guard's count alone is a report, and
        an engine that hangs is seen to stand still.
        """
        self._is_page_optional = is_page_optional
        self._loopback = loopback
        self._started = started
        self._lock = asyncio.Lock()
        self._taken_at = float("-inf")
        self._last: LoadReport | None = None

    async def report(self) -> LoadReport | None:
        """Traffic at most half a second old; None when the engine does not answer."""
        async with self._lock:
            if time.monotonic() - self._taken_at > FRESH_SECONDS:
                self._last = await self._take()
                self._taken_at = time.monotonic()
            return self._last

    async def _take(self) -> LoadReport | None:
        state, page = await asyncio.gather(self._loopback.guard_state(), self._loopback.metrics())
        if state is None or (page is None and not self._is_page_optional):
            return None
        return report(page or "", self._started, state.in_flight, state.idle_seconds)
