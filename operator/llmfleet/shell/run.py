"""The running operator: Lease, listing, watching, two work queues, health; wires ports to loops."""

import asyncio
import contextlib
import itertools
import logging
import socket
import time
from functools import partial
from typing import Any

from llmfleet.core.plan import Ref
from llmfleet.core.world import Raw
from llmfleet.settings import Settings
from llmfleet.shell import console, health, process, scalers
from llmfleet.shell.autoscale import Autoscaler
from llmfleet.shell.cache import Cache
from llmfleet.shell.capacity import NodeCapacity
from llmfleet.shell.clock import SystemClock
from llmfleet.shell.cluster import ApiServer, api_client
from llmfleet.shell.defaults import defaults_of
from llmfleet.shell.errors import FleetError, NotLeader, Refused
from llmfleet.shell.kinds import OWN
from llmfleet.shell.lease import Lease
from llmfleet.shell.listing import Listing
from llmfleet.shell.pods import RuntimeClient
from llmfleet.shell.ports import Key
from llmfleet.shell.prometheus import Prometheus
from llmfleet.shell.queue import WorkQueue
from llmfleet.shell.reconcile import Reconciler
from llmfleet.shell.reflector import Reflector
from llmfleet.shell.sight import Sight
from llmfleet.shell.telemetry import Events, Metrics
from llmfleet.shell.turns import Turns
from llmfleet.shell.vigil import Vigil, own_signals

RETRY_SECONDS = 2.0
RELIST_SOON_SECONDS = 2.0
RELIST_SPACING_SECONDS = 10.0
HEARTBEAT_SECONDS = 2.0
BEATS_UNTIL_TRIM = 15
STUCK_SECONDS = 30.0
FLEETS_AT_ONCE = 64
"""Most of a tick or pass is waiting for pods: a fleet with a slow one must not keep others from theirs."""
DEFECTIVE_UNTIL_UNHEALTHY = 3
"""So many fleets whose passes fail on defects, and more than half of all: the process is the trouble, not a fleet."""
BROKEN_WATCHES_UNTIL_UNHEALTHY = 10
log = logging.getLogger(__name__)


class Operator:
    """Everything of one process."""

    def __init__(self, settings: Settings, api: ApiServer, lease: Lease, pods: RuntimeClient, metrics: Metrics) -> None:
        """Wire the parts; nothing runs yet."""
        self._sources = {each.name: Prometheus(each) for each in settings.metrics_sources}
        self._settings, self._api, self._lease = settings, api, lease
        self._clock, self._cache, self.metrics = SystemClock(), Cache(self._wake), metrics
        self._events = events = Events(api, self._clock.rfc3339)
        parts: dict[str, Any] = {"cache": self._cache, "cluster": api, "pods": pods, "clock": self._clock}
        parts |= {"metrics": metrics, "events": events}
        room = NodeCapacity(api, self._clock, is_cluster_wide=not settings.watch_namespaces)
        turns = Turns(settings.workers)
        self._reconciler = Reconciler(
            defaults=defaults_of(settings), room=room, turns=turns, looks=self._looks, **parts
        )
        self._autoscaler = Autoscaler(settings=settings, sources=self._sources, **parts)
        silence = settings.watch_silence_seconds
        self._sight = Sight(
            settings.namespaces,
            lambda kind, namespace: Reflector(api, self._cache, kind, namespace, silence),
            self._opened,
        )
        self._vigil = Vigil(self._seen, self._listed, silence, self._served)
        self._reconciles = WorkQueue(self._reconciler.reconcile, FLEETS_AT_ONCE)
        self._ticks = WorkQueue(self._autoscaler.tick, FLEETS_AT_ONCE)
        self._autoscaler.wake_reconciler = partial(self._reconciles.wake, at_once=True)
        metrics.defective.set_function(lambda: len(self._defective))
        self._beat = time.monotonic()
        self._is_listed = False
        self._relist_due = asyncio.Event()

    def livez(self) -> str:
        """Alive while the loop turns, watches come up, and most fleets' passes do not fail on defects."""
        silent = time.monotonic() - self._beat
        if self._is_listed and silent > STUCK_SECONDS:
            return f"no heartbeat for {silent:.0f} s"
        if self._vigil.broken >= BROKEN_WATCHES_UNTIL_UNHEALTHY:
            return f"the watch broke {self._vigil.broken} times in a row"
        defective, fleets = len(self._defective), len(self._cache.keys())
        is_general = defective >= DEFECTIVE_UNTIL_UNHEALTHY and 2 * defective > fleets
        return f"the passes of {defective} of {fleets} fleets fail on defects" if is_general else ""

    def readyz(self) -> str:
        """Ready as a healthy standby, or as a leader that has listed everything."""
        is_listing = self._sight.is_blind or not self._is_listed
        return "listing" if is_listing and self._lease.is_held else ""

    @property
    def _defective(self) -> set[Key]:
        return self._reconciles.defective | self._ticks.defective

    async def lead(self, stop: asyncio.Event) -> None:
        """Work as the leader until told to stop. NotLeader when the Lease is lost."""
        self.metrics.leader.set(1)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(loop) for loop in (self._lease.keep(), self._heartbeat(), self._work(stop))]
            await stop.wait()
            for task in tasks:
                task.cancel()

    async def _work(self, stop: asyncio.Event) -> None:
        """List everything, then watch."""
        async with asyncio.TaskGroup() as group:
            for loop in self._sight.loops():
                group.create_task(loop)
            await self._list_first()
            group.create_task(self._answer())
            for namespace in self._sight.namespaces:
                group.create_task(self._vigil.keep(namespace, stop))
            group.create_task(self._relist_regularly())
            group.create_task(self._look_at_scalers_regularly())

    async def _answer(self) -> None:
        """Answer on loopback for as long as we lead; a port that is taken costs that, and no fleet."""
        try:
            runner = await console.serve(self._settings.loopback_port, self._autoscaler.wake, self._autoscaler.account)
        except OSError as error:
            log.warning("nobody can ask this operator to wake or explain: %s; set LLMFLEET_LOOPBACK_PORT", error)
            return
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def close(self) -> None:
        """End the passes under way."""
        await self._reconciles.close()
        await self._ticks.close()
        for source in self._sources.values():
            await source.close()

    def _wake(self, key: Key, news: Ref) -> None:
        """Have a fleet looked at; one whose object is gone is forgotten, its children go by owner reference."""
        owner = self._cache.owner(key) if news.kind == OWN.kind else None
        if owner is None and news.kind == OWN.kind:
            return self._forget(key)
        if not self._sight.has(key.namespace):
            return None  # what it has is not known yet
        if owner and (owner["spec"].get("autoscaling") or owner.get("status", {}).get("autoscaling")):
            self._ticks.wake(key)
        return self._reconciles.wake(key)

    def _looks(self, key: Key) -> None:
        self._reconciles.looks(key)

    def _forget(self, key: Key) -> None:
        self._reconciles.forget(key)
        self._ticks.forget(key)
        self._autoscaler.let_go(key)
        self.metrics.forget(*key)

    def _opened(self, namespace: str | None) -> None:
        """What the fleets of a namespace have is known: look at them."""
        fleets = self._cache.keys()
        for key in fleets:
            if namespace in (None, key.namespace):
                self._wake(key, Ref(OWN.kind, key.name))

    def _seen(self, raw: Raw, is_gone: bool) -> None:  # noqa: FBT001 because kopf's port says so
        raw = {**raw, "kind": OWN.kind}
        if is_gone:
            self._autoscaler.forget(raw["metadata"]["uid"])
            self._events.forget(raw["metadata"]["uid"])
            self._cache.drop(raw)
        else:
            self._cache.put(raw)

    def _listed(self, raw: Raw) -> None:
        """Kopf lists at its start too, right after we have: what is known already is no news."""
        self._relist_due.set()
        self._seen(raw, is_gone=False)

    async def _list_first(self) -> None:
        """Fill the cache before anything is decided; a server that cannot answer is asked again."""
        await self._sight.answered()
        while not self._is_listed:
            try:
                await self._relist()
                self._is_listed = True
            except FleetError as error:
                wait = max(RETRY_SECONDS, error.retry_after)
                log.warning("listing: %s; again in %.0f s", error, wait)
                await asyncio.sleep(wait)

    async def _relist(self) -> None:
        """Bring the LLMDeployments level with the cluster: at the start, and for what kopf never tells."""
        await self._look_at_scalers()
        refusals: list[Refused] = []
        for namespace in self._sight.namespaces:
            try:
                await self._relist_in(namespace)
            except Refused as error:
                log.warning("listing in %s: %s", namespace or "the cluster", error)
                refusals.append(error)
        if len(refusals) == len(self._sight.namespaces):
            raise refusals[0]

    async def _relist_in(self, namespace: str | None) -> None:
        listing = Listing(self._cache, frozenset({OWN.kind}), namespace)
        async for raw in self._api.list(OWN, namespace):
            listing.take(raw)
        listing.end()

    async def _served(self, namespace: str | None) -> None:
        await self._api.request("GET", OWN.path(namespace), limit="1")

    async def _look_at_scalers(self) -> None:
        """Before the fleets, so that no size is taken back from the autoscaler that it was left to."""
        for key in await scalers.look(self._api, self._settings.namespaces, self._cache):
            own = Ref(OWN.kind, key.name)
            if self._cache.get(key, own):
                self._wake(key, own)

    async def _look_at_scalers_regularly(self) -> None:
        while True:
            await asyncio.sleep(scalers.LOOK_AGAIN_SECONDS)
            try:
                await self._look_at_scalers()
            except FleetError as error:
                log.warning("listing autoscalers of others: %s", error)

    async def _relist_regularly(self) -> None:
        """List LLMDeployments from time to time, and soon after kopf has: it never tells of what vanished meanwhile."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.relist_seconds):
                    await self._relist_due.wait()
                await asyncio.sleep(RELIST_SOON_SECONDS)
            self._relist_due.clear()
            try:
                await self._relist()
            except FleetError as error:
                log.warning("listing: %s", error)
                self._relist_due.set()
            await asyncio.sleep(RELIST_SPACING_SECONDS)

    async def _heartbeat(self) -> None:
        for beats in itertools.count(1):
            self._beat = time.monotonic()
            if beats % BEATS_UNTIL_TRIM == 0:
                process.trim()
            await asyncio.sleep(HEARTBEAT_SECONDS)


async def run(settings: Settings) -> int:
    """Run until a signal (exit code 0) or until the Lease is lost (1: start again as a follower)."""
    stop = asyncio.Event()
    own_signals(stop)
    client, pods, metrics = await api_client(), RuntimeClient(), Metrics(settings.gpu_hour_prices)
    failed, identity = metrics.api_failures.inc, settings.identity or socket.gethostname()
    lease = Lease(ApiServer(client, failed=failed), settings.namespace, identity, settings.lease_duration_seconds)
    operator = Operator(settings, ApiServer(client, lease.check, failed), lease, pods, metrics)
    runner = await health.serve(settings.health_port, operator.livez, operator.readyz, operator.metrics.registry)
    try:
        return await _acquire_and_lead(operator, lease, stop)
    finally:
        await operator.close()
        await lease.release()
        await runner.cleanup()
        await pods.close()
        await client.close()


async def _acquire_and_lead(operator: Operator, lease: Lease, stop: asyncio.Event) -> int:
    waiting = asyncio.create_task(lease.acquire())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if stop.is_set():
        waiting.cancel()
        return 0
    code = 0
    try:
        await operator.lead(stop)
    except* NotLeader as errors:
        log.error("%s", errors.exceptions[0])  # noqa: TRY400 because losing the Lease needs no trace
        code = 1
    return code
