"""Looks after a ready engine: whether it answers, whether it moves, whether its own processes live."""

import asyncio
import logging
import time

from .loopback import Loopback
from .pulse import Pulse
from .sampler import Sampler

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
SILENCE_SECONDS = 30.0
"""A ready engine whose ``/health`` gives no answer for this long is not alive."""
DEATHS = 3
"""So many looks in a row at which the server says that its engine is dead are believed."""


class Vitals:
    """What is known of one engine's health; ``stall_seconds`` without a move is a stall."""

    def __init__(self, loopback: Loopback, sampler: Sampler, model: str, stall_seconds: float) -> None:
        """``model`` is a name that it serves; nothing is asked yet."""
        self._loopback = loopback
        self._sampler = sampler
        self._model = model
        self._stall_seconds = stall_seconds
        self._probe: asyncio.Task[None] | None = None
        self.begin()

    def begin(self) -> None:
        """It is well now."""
        self._answered_at = time.monotonic()
        self._pulse = Pulse(self._answered_at)

    def problem(self) -> str:
        """Why a restart would help; "" while it would not."""
        now = time.monotonic()
        if now - self._answered_at >= SILENCE_SECONDS:
            return f"the engine has not answered for {now - self._answered_at:.0f} s"
        still = self._pulse.still_seconds(now)
        if still < self._stall_seconds:
            return ""
        return f"the engine has stood still for {still:.0f} s with {self._pulse.waiting} requests in flight"

    async def follow(self) -> None:
        """Look every two seconds; return once the engine is dead while its server lives."""
        deaths = 0
        try:
            while deaths < DEATHS:
                status = await self._loopback.health()
                if status == 200:
                    self._answered_at = time.monotonic()
                    await self._feel()
                deaths = deaths + 1 if status == 503 else 0
                await asyncio.sleep(POLL_SECONDS)
        finally:
            if self._probe:
                self._probe.cancel()

    async def _feel(self) -> None:
        report = await self._sampler.report()
        now = time.monotonic()
        if report is None:
            # No page is no proof of anything.
            self._pulse = Pulse(now)
            return
        self._pulse = self._pulse.look(report, now, has_probe=self._is_probing())
        if self._pulse.is_doubtful(now) and not self._is_probing():
            self._probe = asyncio.create_task(self._ask())

    def _is_probing(self) -> bool:
        return self._probe is not None and not self._probe.done()

    async def _ask(self) -> None:
        """One token of our own; whatever the answer, the engine gave it."""
        problem = await self._loopback.try_request(self._model)
        self._pulse = Pulse(time.monotonic())
        if problem:
            log.warning("a request of our own failed: %s", problem)
