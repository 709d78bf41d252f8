"""One active replica: a Lease, renewed in time, given back on a clean stop.

Leadership is a deadline on the monotonic clock of this process, counted from before the renewal was sent, so that
a frozen leader knows on waking that it has lost. (client-go ``tools/leaderelection``; the library's own elector
counts wall-clock time and never gives the Lease back.)
"""

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import Any

from llmfleet import names
from llmfleet.shell.cluster import ApiServer
from llmfleet.shell.errors import FleetError, NotLeader
from llmfleet.shell.kinds import LEASE

RENEWALS_PER_DURATION = 5
log = logging.getLogger(__name__)


class Lease:
    """The Lease object of the operator, and whether we hold it."""

    def __init__(self, api: ApiServer, namespace: str, identity: str, duration_seconds: float) -> None:
        """``api`` must not ask this lease for leadership: it writes the Lease itself."""
        self._api = api
        self._namespace = namespace
        self._identity = identity
        self._duration = duration_seconds
        self._deadline = 0.0
        self._seen: tuple[str, float] = ("", 0.0)

    @property
    def is_held(self) -> bool:
        """Whether writes are allowed now."""
        return time.monotonic() < self._deadline

    def check(self) -> None:
        """NotLeader unless the Lease is ours at this moment."""
        if not self.is_held:
            raise NotLeader("the Lease is not held by this replica")

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        log.info("waiting for Lease %s/%s as %s", self._namespace, names.LEASE_NAME, self._identity)
        while not await self._try():  # noqa: ASYNC110 because the Lease is polled, nobody could set an event
            await asyncio.sleep(self._duration / RENEWALS_PER_DURATION)
        log.info("leading as %s", self._identity)

    async def keep(self) -> None:
        """Renew until the Lease is lost; then NotLeader."""
        while self.is_held:
            await asyncio.sleep(self._duration / RENEWALS_PER_DURATION)
            await self._try()
        raise NotLeader("the Lease ran out before it could be renewed")

    async def release(self) -> None:
        """Give the Lease back, so that the next replica leads at once."""
        if not self.is_held:
            return
        self._deadline = 0.0
        try:
            current = await self._api.get(LEASE, self._namespace, names.LEASE_NAME)
            if current and current["spec"].get("holderIdentity") == self._identity:
                current["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                await self._api.request("PUT", LEASE.path(self._namespace, names.LEASE_NAME), current)
        except FleetError as error:
            log.warning("the Lease could not be given back: %s", error)

    async def _try(self) -> bool:
        """Take or renew the Lease if it is free, ours or run out."""
        asked = time.monotonic()
        try:
            current = await self._api.get(LEASE, self._namespace, names.LEASE_NAME)
            if current is None:
                await self._api.request("POST", LEASE.path(self._namespace), self._fresh())
            elif self._may_take(current):
                current["spec"] = self._spec(current["spec"])
                await self._api.request("PUT", LEASE.path(self._namespace, names.LEASE_NAME), current)
            else:
                return False
        except FleetError as error:
            log.warning("Lease: %s", error)
            return False
        # A third of the duration is kept back for clocks that run at different speeds.
        self._deadline = asked + self._duration * 2 / 3
        return True

    def _may_take(self, current: dict[str, Any]) -> bool:
        """Whether the holder is us, nobody, or has not renewed for a whole duration by our own clock."""
        holder, version = current["spec"].get("holderIdentity"), current["metadata"]["resourceVersion"]
        if holder in (self._identity, "", None):
            return True
        if version != self._seen[0]:
            self._seen = (version, time.monotonic())
        duration = float(current["spec"].get("leaseDurationSeconds", self._duration))
        return time.monotonic() - self._seen[1] > duration

    def _fresh(self) -> dict[str, Any]:
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"name": names.LEASE_NAME, "namespace": self._namespace},
            "spec": self._spec({}),
        }

    def _spec(self, current: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC)
        ours = current.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._duration),
            "acquireTime": current["acquireTime"] if ours and "acquireTime" in current else _micro(now),
            "renewTime": _micro(now),
            "leaseTransitions": int(current.get("leaseTransitions", 0)) + (0 if ours else 1),
        }


def _micro(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
