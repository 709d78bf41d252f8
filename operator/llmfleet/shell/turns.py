"""So many passes at once; one that has waited long for the server does not keep others from theirs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LONG_SECONDS = 2.0
"""A pass takes a tenth of a second. One that takes so long waits: for a webhook that hangs, say."""


class Turns:
    """Bounds what is worked on side by side, not what waits side by side."""

    def __init__(self, count: int) -> None:
        """``count`` turns."""
        self._free = asyncio.Semaphore(count)

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it to the end of the block, but for ``LONG_SECONDS`` at the most."""
        await self._free.acquire()
        is_held = True

        def give_back() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                self._free.release()

        timer = asyncio.get_running_loop().call_later(LONG_SECONDS, give_back)
        try:
            yield
        finally:
            timer.cancel()
            give_back()
