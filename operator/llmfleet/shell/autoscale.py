"""One autoscaling tick: sample, decide, record."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from llmfleet import names
from llmfleet.api.status import AutoscalingStatus, Decision
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core.scaling import decide as scaling
from llmfleet.core.scaling.attainment import attainment
from llmfleet.core.scaling.decide import Memory, Policy
from llmfleet.core.scaling.load import tick
from llmfleet.core.scaling.targets import policy_of
from llmfleet.core.size import desired_size, held_by
from llmfleet.core.world import Observed, Raw, observe
from llmfleet.settings import Settings
from llmfleet.shell.cache import Cache
from llmfleet.shell.ports import Clock, Cluster, Key, Pods, Source
from llmfleet.shell.signals import Signals
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
    sources: Mapping[str, Source] = field(default_factory=dict)
    """Metrics sources of the settings by name."""
    _memories: dict[str, Memory] = field(default_factory=dict)
    _written: dict[str, float] = field(default_factory=dict)
    _news: dict[str, float] = field(default_factory=dict)
    """When a fleet's source can next have read its pods again."""

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
            early = self._news.get(deployment.uid, 0.0) - self.clock.monotonic()
            return early if early > 0 else await self._decide(key, observed, deployment)
        return self.settings.autoscale_tick_seconds

    def _observe(self, key: Key, raw: Raw) -> Observed:
        return observe(raw, self.cache.children(key), self.cache.pods(key), scalers=self.cache.scalers(key))

    async def _retire(self, key: Key, observed: Observed) -> None:
        """Take back the recorded decision of a fleet that is not autoscaled by us any more."""
        metadata = observed.raw["metadata"]
        self.forget(metadata["uid"])
        self.metrics.sizing.forget(*key)
        if observed.status.autoscaling is not None:
            version = metadata["resourceVersion"]
            self.cache.put(await self.cluster.apply_status(key, version, {}, names.AUTOSCALER_MANAGER))

    async def _decide(self, key: Key, observed: Observed, deployment: LLMDeployment) -> float:
        """Decide and record; seconds until there is something new to look at."""
        uid, size = deployment.uid, desired_size(observed, deployment)
        ready = [pod for pod in observed.staying() if pod.is_ready]
        heard = await Signals(self.pods, self.sources).look(key, source_of(deployment), ready)
        now = self.clock.monotonic()
        self._news[uid] = now + heard.interval
        memory = self._memories.get(uid) or Memory.fresh(now)
        seen = tick(now, heard.samples)
        asked = policy(deployment, self.settings)
        decision, self._memories[uid] = scaling.decide(asked, memory, size, seen, now)
        if heard.trouble:
            decision = replace(decision, why=heard.trouble, message=f"{heard.said}; holding {decision.replicas}")
        self.metrics.sizing.look(key, seen, decision.trust, asked.max_replicas)
        self.metrics.sizing.judge(key, attainment(asked.objectives, self._memories[uid].arrivals.since(now)))
        await self._record(key, observed, decision, size)
        return max(self.settings.autoscale_tick_seconds, heard.interval)

    async def _record(self, key: Key, observed: Observed, decision: scaling.Decision, size: int) -> None:
        """Write the decision when its meaning changed; that write wakes the reconciler."""
        past = observed.status.autoscaling
        uid, now = observed.raw["metadata"]["uid"], self.clock.monotonic()
        resized = past is None or past.desired != decision.replicas
        retold = past is not None and (past.reason, past.load_seen) != (decision.why, decision.load_seen)
        if not resized and not (retold and now - self._written.get(uid, -REASON_SECONDS) >= REASON_SECONDS):
            return
        recorded = _status(past, decision, size, self.clock.rfc3339())
        recorded = recorded.model_copy(update={"source": source_of(observed.deployment)})
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
        self._news.pop(uid, None)


def _is_enforced(observed: Observed) -> bool:
    spec = observed.deployment.spec if observed.deployment else None
    return spec is not None and spec.autoscaling is not None and spec.autoscaling.is_enforced


def source_of(deployment: LLMDeployment | None) -> str | None:
    """Name of the metrics source that a fleet is sized by; None for its own pods."""
    autoscaling = deployment.spec.autoscaling if deployment else None
    return autoscaling.metrics_source_name if autoscaling else None


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
        coverage_percent=round(100 * decision.trust.coverage),
        trust_percent=round(100 * decision.trust.score),
        history=history,
    )
