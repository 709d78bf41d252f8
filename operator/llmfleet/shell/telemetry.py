"""Our metrics and Kubernetes Events, derived from plans, statuses and decisions."""

import time
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from llmfleet.api.conditions import ConditionType, Reason
from llmfleet.api.status import Condition, ConditionStatus, Start, Status
from llmfleet.core.drains import Removal
from llmfleet.core.plan import Action
from llmfleet.core.rollout import Path
from llmfleet.core.world import Raw
from llmfleet.shell.errors import FleetError
from llmfleet.shell.meter import Meter
from llmfleet.shell.ports import Cluster
from llmfleet.shell.sizing import Sizing
from llmfleet.shell.standing import Standing

REPEAT_SECONDS = 300
"""The same Event about the same object is posted again only after this time."""
MOST_REMEMBERED = 4096
_TOLD = (ConditionType.READY, ConditionType.RECONCILING)
STARTUP = "Time of each phase of a pod's first start, seconds."
STARTUP_BUCKETS = (1, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
DRAIN_BUCKETS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
DRAINED_REQUESTS = {
    "in_flight": ("llmfleet_unrouted_requests", "Requests in flight when leaving pods stopped taking new ones."),
    "finished": ("llmfleet_drained_requests", "Requests that leaving pods finished."),
    "aborted": ("llmfleet_aborted_requests", "Requests that leaving pods cut off."),
}
"""Counters over what pods said as they left, by the member of ``status.drains``; one that said nothing adds nothing."""


class Metrics:
    """The operator's own metrics, prefix ``llmfleet_``."""

    def __init__(self, prices: Mapping[str, float] | None = None) -> None:
        """A registry of its own, so that tests run side by side; ``prices`` are of one GPU for an hour, by product."""
        registry = self.registry = CollectorRegistry()
        labels = ("namespace", "name")
        self.actions = Counter(
            "llmfleet_actions", "Writes to children, by kind of action.", ("action",), registry=registry
        )
        self.refusals = Counter("llmfleet_refusals", "Writes the API server refused.", ("reason",), registry=registry)
        self.api_failures = Counter(
            "llmfleet_api_failures", "Requests that the API server did not or could not answer.", registry=registry
        )
        self.reconcile_seconds = Histogram(
            "llmfleet_reconcile_seconds", "Time of one reconcile, seconds.", registry=registry
        )
        self.defective = Gauge(
            "llmfleet_defective_fleets", "Fleets whose last pass failed on a defect; the log has it.", registry=registry
        )
        self.leader = Gauge("llmfleet_leader", "1 while this replica holds the Lease.", registry=registry)
        self.decisions = Counter(
            "llmfleet_scaling_decisions", "Changes of size, by reason.", (*labels, "reason"), registry=registry
        )
        self.sizing = Sizing(registry)
        self.meter = Meter(prices or {})
        self.standing = Standing()
        registry.register(self.meter)
        registry.register(self.standing)
        self._add_lives(labels)

    def _add_lives(self, labels: tuple[str, str]) -> None:
        """How pods come and go."""
        self._expected: set[tuple[str, str]] = set()
        self.drained = Counter(
            "llmfleet_drained_pods",
            "Pods that left; told is no where a pod did not say what it cost.",
            (*labels, "told"),
            registry=self.registry,
        )
        self.requests = {
            member: Counter(name, says, labels, registry=self.registry)
            for member, (name, says) in DRAINED_REQUESTS.items()
        }
        self.drain_seconds = Histogram(
            "llmfleet_drain_seconds",
            "Time a leaving pod drained, seconds.",
            buckets=DRAIN_BUCKETS,
            registry=self.registry,
        )
        self.startup_seconds = Histogram(
            "llmfleet_startup_seconds", STARTUP, ("phase",), buckets=STARTUP_BUCKETS, registry=self.registry
        )

    def time(self, start: Start) -> None:
        """Enter a pod's first start."""
        for phase, seconds in start.phases:
            self.startup_seconds.labels(phase).observe(seconds)

    def expect(self, namespace: str, name: str) -> None:
        """Tell of a fleet's drained requests from zero on, so that the first one shows as a rise."""
        if (namespace, name) in self._expected:
            return
        self._expected.add((namespace, name))
        for counter in self.requests.values():
            counter.labels(namespace, name)

    def count(self, namespace: str, name: str, removal: Removal) -> None:
        """Enter a pod that left."""
        self.drained.labels(namespace, name, "no" if removal.drain.aborted is None else "yes").inc()
        for member, counter in self.requests.items():
            counter.labels(namespace, name).inc(getattr(removal.drain, member) or 0)
        if removal.seconds is not None:
            self.drain_seconds.observe(removal.seconds)

    def forget(self, namespace: str, name: str) -> None:
        """Drop the series of an object that is gone."""
        self.sizing.forget(namespace, name)
        self.meter.forget(namespace, name)
        self.standing.forget(namespace, name)
        self._expected.discard((namespace, name))
        for each in (self.decisions, self.drained, *self.requests.values()):
            each.remove_by_labels({"namespace": namespace, "name": name})


class Events:
    """Kubernetes Events without repeats; an Event that cannot be posted is never worth a retry."""

    def __init__(self, cluster: Cluster, rfc3339: Callable[[], str]) -> None:
        """``rfc3339`` tells the wall clock."""
        self._cluster = cluster
        self._now = rfc3339
        self._posted: dict[tuple[str, str, str], float] = {}
        self._owed: set[str] = set()
        """UIDs of objects whose costly path the server did not take an Event of."""

    async def post(self, about: Raw, kind: str, reason: str, message: str) -> bool:
        """Post one Event of type Normal or Warning; False where the server did not take it."""
        identity = (about["metadata"]["uid"], reason, message)
        now = time.monotonic()
        if now - self._posted.get(identity, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return True
        if len(self._posted) >= MOST_REMEMBERED:
            self._posted.clear()
        self._posted[identity] = now
        try:
            await self._cluster.post_event({**about, "now": self._now()}, kind, reason, message)
        except FleetError:
            self._posted.pop(identity, None)
            return False
        return True

    async def foretell(self, about: Raw, old: Status, new: Status, path: Path | None) -> None:
        """An Event for a ``path`` that costs capacity or waits, before the status says that it was told.

        Whoever is killed in between tells it once more; what the server did not take is owed until the next pass.
        """
        uid, way, past = about["metadata"]["uid"], new.rollout, old.rollout
        if not way or not path or not path.is_costly:
            self._owed.discard(uid)
            return
        is_told = past and past.tells(way.revision, way.path, way.message) and uid not in self._owed
        if is_told or await self.post(about, "Normal", way.reason, f"revision {way.revision}: {way.message}"):
            self._owed.discard(uid)
        else:
            self._owed.add(uid)

    def forget(self, uid: str) -> None:
        """Owe nothing to an object that is gone."""
        self._owed.discard(uid)

    async def changed(self, about: Raw, old: Status, new: Status) -> None:
        """Events for conditions with a new status or reason.

        The usual way of a new fleet to its first Ready is told by its conditions alone.
        """
        before = {each.type: each for each in old.conditions}
        for each in new.conditions:
            past = before.get(each.type)
            if past and (past.status, past.reason) == (each.status, each.reason):
                continue
            if _is_trouble(each):
                await self.post(about, "Warning", each.reason, each.message)
            elif old.served_revision and each.type in _TOLD and each.status == ConditionStatus.TRUE:
                await self.post(about, "Normal", each.reason, each.message)


def _is_trouble(each: Condition) -> bool:
    if each.type == ConditionType.ADAPTERS_READY:
        return each.status == ConditionStatus.FALSE and each.reason != Reason.ADAPTERS_LOADING
    if each.type == ConditionType.ENGINE_VERIFIED:
        return each.status == ConditionStatus.FALSE
    is_stalled = each.type == ConditionType.STALLED and each.status == ConditionStatus.TRUE
    return is_stalled or each.reason in (Reason.FOREIGN_AUTOSCALER, Reason.INVALID_SCHEDULE)


def action_name(action: Action) -> str:
    """The kind of an action as a metric label."""
    return type(action).__name__.lower()


def as_members(status: Status) -> Mapping[str, object]:
    """A status as the JSON members that are written."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
