"""Autoscalers of others, listed from time to time: whom they aim at changes seldom, what they report all the time."""

import logging
from collections import defaultdict
from collections.abc import Sequence

from llmfleet.core.foreign import Scaler, scaler
from llmfleet.shell.cache import Cache
from llmfleet.shell.cluster import ApiServer
from llmfleet.shell.errors import Refused
from llmfleet.shell.kinds import SCALER
from llmfleet.shell.ports import Key

LOOK_AGAIN_SECONDS = 15.0
"""As often as they look at their own targets (kube-controller-manager ``--horizontal-pod-autoscaler-sync-period``)."""
log = logging.getLogger(__name__)


async def look(api: ApiServer, namespaces: Sequence[str], cache: Cache) -> set[Key]:
    """Bring the cache level; the keys whose autoscalers differ. Raises FleetError, but for a right that is lacking."""
    changed: set[Key] = set()
    for namespace in namespaces or (None,):
        try:
            changed |= cache.put_scalers(await _aimed(api, namespace), namespace)
        except Refused as error:
            log.warning("autoscalers of others stay unseen: %s", error)
    return changed


async def _aimed(api: ApiServer, namespace: str | None) -> dict[Key, set[Scaler]]:
    """Those that may aim at a fleet, by its key."""
    found: dict[Key, set[Scaler]] = defaultdict(set)
    async for raw in api.list(SCALER, namespace):
        aimed = scaler(raw)
        if aimed:
            found[Key(raw["metadata"]["namespace"], aimed.fleet)].add(aimed)
    return found
