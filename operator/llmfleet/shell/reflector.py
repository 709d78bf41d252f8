"""Objects of one kind in the cache: listed, watched from there on, listed again where a watch cannot go on."""

import asyncio
import logging
import random
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from llmfleet import names
from llmfleet.shell.cache import Cache
from llmfleet.shell.cluster import ApiServer
from llmfleet.shell.errors import FleetError, Refused, Unavailable
from llmfleet.shell.kinds import Kind
from llmfleet.shell.listing import Listing

MANAGED = f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}"
LEAST_SECONDS = 1.0
"""A listing or a watch that ended sooner is not begun again before."""
LONGEST_PAUSE_SECONDS = 30.0
log = logging.getLogger(__name__)


@dataclass
class Reflector:
    """One kind in one namespace, or in all of them."""

    api: ApiServer
    cache: Cache
    kind: Kind
    namespace: str | None
    silence_seconds: float
    listed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once everything there was is in the cache."""
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the server has listed, or has said that it will not."""
    _version: str = ""
    """Where the next watch goes on; empty when only a listing helps."""
    _pause: float = LEAST_SECONDS

    async def run(self) -> None:
        """Until cancelled; whatever the server answers is tried again, ever less often."""
        clock = asyncio.get_running_loop().time
        while True:
            begin, wait = clock(), 0.0
            try:
                await self._once()
            except FleetError as error:
                wait = max(self._pause * random.uniform(0.7, 1.0), error.retry_after)  # noqa: S311 because jitter needs no secrecy
                self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
                log.warning("%s: %s; again in %.1f s", self.kind.plural, error, wait)
            await asyncio.sleep(max(wait, begin + LEAST_SECONDS - clock()))

    async def _once(self) -> None:
        """One listing where one is needed, then one watch to its end. Raises FleetError."""
        try:
            if not self._version:
                self._version = await self._list()
                self.listed.set()
                self.answered.set()
            watch = self.api.watch(self.kind, self.namespace, MANAGED, self._version, self.silence_seconds)
            async for event in watch:
                self._take(event["type"], event["object"])
        except Refused as error:
            if error.status != HTTPStatus.GONE:
                self.answered.set()
                raise
            self._version = ""

    async def _list(self) -> str:
        """Bring the cache level with the server; the version it then is at."""
        listing, version = Listing(self.cache, frozenset({self.kind.kind}), self.namespace), ""
        async for page in self.api.pages(self.kind, self.namespace, MANAGED):
            for item in page["items"] or ():
                listing.take(item)
            version = page["metadata"]["resourceVersion"]
        listing.end()
        return version

    def _take(self, what: str, raw: dict[str, Any]) -> None:
        """One event of the watch."""
        if what == "ERROR":
            raise _failure(raw)
        if what in ("ADDED", "MODIFIED"):
            self.cache.put({**raw, "kind": self.kind.kind})
        elif what == "DELETED":
            self.cache.drop({**raw, "kind": self.kind.kind})
        self._version, self._pause = raw["metadata"]["resourceVersion"], LEAST_SECONDS


def _failure(status: dict[str, Any]) -> FleetError:
    """What the server says inside a stream, a ``metav1.Status``."""
    code, message = status.get("code", 0), status.get("message", "")
    if code == HTTPStatus.GONE:
        return Refused(message, code)
    return Unavailable(f"{code}: {message}", float((status.get("details") or {}).get("retryAfterSeconds", 0)))
