"""Kopf kept at its watch: begun again wherever it ends, in each namespace by itself.

One kopf for all namespaces ends in all of them when one is refused, mostly as its Role is gone.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from llmfleet.shell import watch
from llmfleet.shell.errors import FleetError, Refused

RESTART_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 30.0
log = logging.getLogger(__name__)


@dataclass
class Vigil:
    """The watches of LLMDeployments."""

    seen: watch.Seen
    listed: watch.Listed
    silence_seconds: float
    served: Callable[[str | None], Awaitable[object]]
    """Raises FleetError while the server has no LLMDeployments to list in a namespace.

    Where the CRD is not there when kopf begins, kopf watches nothing for ever, and counts as begun.
    """
    broken: int = 0
    """How often in a row a watch has ended that was not refused."""

    async def keep(self, namespace: str | None, stop: asyncio.Event) -> None:
        """Watch one namespace, or all, until a signal tells to stop: then ``stop`` is set."""
        pause = RESTART_SECONDS
        while True:
            ready = asyncio.Event()
            begun = asyncio.create_task(self._begun(ready, stop))
            try:
                await self.served(namespace)
                await watch.watch(self.seen, self.listed, namespace, self.silence_seconds, ready)
                return stop.set()  # kopf returns without an error only when a signal told it to
            except Refused as error:
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                log.warning("the watch is refused: %s; again in %.0f s", error, pause)
            except FleetError as error:
                self.broken, pause = self.broken + 1, RESTART_SECONDS
                log.warning("the watch ended: %s; starting it again", error)
            except Exception:
                self.broken, pause = self.broken + 1, RESTART_SECONDS
                log.exception("the watch ended; starting it again")
            finally:
                begun.cancel()
                own_signals(stop)
            await asyncio.sleep(pause)

    async def _begun(self, ready: asyncio.Event, stop: asyncio.Event) -> None:
        """Kopf takes the signal handlers when it starts; take them back once it stands."""
        await ready.wait()
        self.broken = 0
        own_signals(stop)


def own_signals(stop: asyncio.Event) -> None:
    """Have SIGTERM and SIGINT set ``stop``."""
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
