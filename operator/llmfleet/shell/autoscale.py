"""One autoscaling tick: sample, decide, record."""

import logging
from dataclasses import dataclass, field, replace

from llmfleet import names
from llmfleet.api.status import AutoscalingStatus, Decision
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core.scaling import decide as scaling
from llmfleet.core.scaling.decide import Memory, Policy
from llmfleet.core.scaling.load import Tick, tick
from llmfleet.core.scaling.targets import policy_of
from llmfleet.core.size import desired_size, held_by
from llmfleet.core.world import Observed, Raw, observe
from llmfleet.settings import Settings
from llmfleet.shell.cache import Cache
from llmfleet.shell.ports import Clock, Cluster, Key, Pods
from llmfleet.shell.telemetry import Events, Metrics

HISTORY = 10
REASON_SECONDS = 30.0
"""While the size stays, a new reason is written at most this often."""
log = logging.getLogger(__name__)


@dataclass
class Autoscaler:
    """Keeps what the decider remembers of each fleet, and records what it decides."""

    cache: Cache
    cluster: Cluster
    pods: Pods
    clock: Clock
    settings: Settings
    metrics: Metrics
    events: Events
    _memories: dict[str, Memory] = field(default_factory=dict)
    _written: dict[str, float] = field(default_factory=dict)

    async def tick(self, key: Key) -> float | None:
        """One look at the load; seconds until the next, None when the fleet is not autoscaled. Raises FleetError."""
        raw = self.cache.owner(key)
        observed = self._observe(key, raw) if raw else None
        deployment = observed.deployment if observed else None
        if observed is None or deployment is None or deployment.deleting:
            return None
        if deployment.spec.autoscaling is None:
            await self._retire(key, observed)
            return None
        if held_by(observed):
            await self._retire(key, observed)
            return self.settings.autoscale_tick_seconds
        if not deployment.spec.paused and observed.fleets():
            await self._decide(key, observed, deployment)
        return self.settings.autoscale_tick_seconds

    def _observe(self, key: Key, raw: Raw) -> Observed:
        return observe(raw, self.cache.children(key), self.cache.pods(key), scalers=self.cache.scalers(key))

    async def _retire(self, key: Key, observed: Observed) -> None:
        """Take back the recorded decision of a fleet that is not autoscaled by us any more."""
        metadata = observed.raw["metadata"]
        self.forget(metadata["uid"])
        if observed.status.autoscaling is not None:
            version = metadata["resourceVersion"]
            self.cache.put(await self.cluster.apply_status(key, version, {}, names.AUTOSCALER_MANAGER))

    async def _decide(self, key: Key, observed: Observed, deployment: LLMDeployment) -> None:
        uid, size = deployment.uid, desired_size(observed, deployment)
        ready = [pod for pod in observed.staying() if pod.is_ready]
        samples = await self.pods.samples(ready)
        now = self.clock.monotonic()
        memory = self._memories.get(uid) or Memory.fresh(now)
        startup = observed.status.startup
        seen = tick(now, samples, tuple(float(each.seconds) for each in startup.recent) if startup else ())
        decision, self._memories[uid] = scaling.decide(policy(deployment, self.settings), memory, size, seen, now)
        self._measure(key, seen)
        await self._record(key, observed, decision, size)

    def _measure(self, key: Key, seen: Tick) -> None:
        self.metrics.demand.labels(*key).set(seen.demand)
        self.metrics.waiting.labels(*key).set(seen.waiting)
        self.metrics.heard.labels(*key).set(seen.heard)

    async def _record(self, key: Key, observed: Observed, decision: scaling.Decision, size: int) -> None:
        """Write the decision when its meaning changed; that write wakes the reconciler."""
        past = observed.status.autoscaling
        uid, now = observed.raw["metadata"]["uid"], self.clock.monotonic()
        resized = past is None or past.desired != decision.replicas
        retold = past is not None and (past.reason, past.load_seen) != (decision.why, decision.load_seen)
        if not resized and not (retold and now - self._written.get(uid, -REASON_SECONDS) >= REASON_SECONDS):
            return
        recorded = _status(past, decision, size, self.clock.rfc3339())
        members = {"autoscaling": recorded.model_dump(mode="json", by_alias=True)}
        version = observed.raw["metadata"]["resourceVersion"]
        self.cache.put(await self.cluster.apply_status(key, version, members, names.AUTOSCALER_MANAGER))
        self._written[uid] = now
        if decision.replicas != size and _is_enforced(observed):
            self.metrics.decisions.labels(*key, decision.why).inc()
            text = f"{size} -> {decision.replicas}: {decision.message}"
            log.info("%s: %s: %s", key, decision.why, text)
            await self.events.post(observed.raw, "Normal", f"Scaled{decision.why}", text)

    def forget(self, uid: str) -> None:
        """Drop what is remembered of an object that is gone."""
        self._memories.pop(uid, None)
        self._written.pop(uid, None)


def _is_enforced(observed: Observed) -> bool:
    spec = observed.deployment.spec if observed.deployment else None
    return spec is not None and spec.autoscaling is not None and spec.autoscaling.is_enforced


def policy(deployment: LLMDeployment, settings: Settings) -> Policy:
    """What the spec and the settings ask of the decider; the spec must have autoscaling."""
    autoscaling = deployment.spec.autoscaling
    if autoscaling is None:
        raise ValueError(f"{deployment.name} has no spec.autoscaling")
    return replace(
        policy_of(autoscaling, deployment.spec.engine.max_concurrency),
        stable_window_seconds=settings.stable_window_seconds,
        panic_window_seconds=settings.panic_window_seconds,
        hold_down_seconds=settings.scale_down_hold_seconds,
    )


def _status(past: AutoscalingStatus | None, decision: scaling.Decision, size: int, now: str) -> AutoscalingStatus:
    history = past.history if past else ()
    if decision.replicas != size:
        change = Decision(time=now, from_=size, to=decision.replicas, reason=decision.why, message=decision.message)
        history = (*history, change)[-HISTORY:]
    moved = past is None or past.desired != decision.replicas
    return AutoscalingStatus(
        desired=decision.replicas,
        reason=decision.why,
        message=decision.message,
        since=now if moved or past is None else past.since,
        load_seen=decision.load_seen,
        history=history,
    )
