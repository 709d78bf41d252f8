"""Free room, read from nodes and pods when a rollout asks for it; shared for a few seconds."""

import logging
from dataclasses import dataclass, field

from llmfleet.core.capacity import Capacity, capacity
from llmfleet.shell.cluster import ApiServer
from llmfleet.shell.errors import FleetError
from llmfleet.shell.kinds import NODE, POD
from llmfleet.shell.ports import Clock

FRESH_SECONDS = 2.0
log = logging.getLogger(__name__)


@dataclass
class NodeCapacity:
    """Reads all nodes and pods of the cluster, where the operator may."""

    api: ApiServer
    clock: Clock
    is_cluster_wide: bool
    _seen: Capacity | None = None
    _seen_at: float = field(default=-FRESH_SECONDS)

    async def read(self) -> Capacity | None:
        """Room at most some seconds old; None where nodes may not be read, or cannot be now."""
        if not self.is_cluster_wide:
            return None
        now = self.clock.monotonic()
        if now - self._seen_at >= FRESH_SECONDS:
            try:
                self._seen = await self._read()
            except FleetError as error:
                log.warning("free capacity stays unknown: %s", error)
                self._seen = None
            self._seen_at = now
        return self._seen

    async def _read(self) -> Capacity:
        nodes = [raw async for raw in self.api.list(NODE, None)]
        pods = [raw async for raw in self.api.list(POD, None)]
        return capacity(nodes, pods)
