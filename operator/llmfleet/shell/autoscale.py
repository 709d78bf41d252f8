"""One autoscaling tick: sample, decide, record."""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from llmfleet import names
from llmfleet.api.scaled import AutoscalingStatus, Decision, Learned
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core.explain import account as accounts
from llmfleet.core.explain import seen as look
from llmfleet.core.explain.account import Account, NotAutoscaled
from llmfleet.core.explain.standing import standing
from llmfleet.core.scaling import decide as scaling
from llmfleet.core.scaling.attainment import attainment
from llmfleet.core.scaling.bounds import Bounds, bounds
from llmfleet.core.scaling.decide import Memory, Policy
from llmfleet.core.scaling.learned import EVERY_SECONDS, is_news, learned, recalled
from llmfleet.core.scaling.load import tick
from llmfleet.core.scaling.targets import policy_of
from llmfleet.core.scaling.why import TROUBLES
from llmfleet.core.size import desired_size, held_by, standing_size
from llmfleet.core.wake import hindrance
from llmfleet.core.world import Observed
from llmfleet.settings import Settings
from llmfleet.shell.cache import Cache
from llmfleet.shell.chronicle import Chronicle
from llmfleet.shell.console import Woken
from llmfleet.shell.errors import Conflict, Refused, Unavailable
from llmfleet.shell.ports import Clock, Cluster, Key, Pods, Source
from llmfleet.shell.signals import Signals
from llmfleet.shell.telemetry import Events, Metrics

HISTORY = 10
REASON_SECONDS = 30.0
"""While the size stays, a new reason is written at most this often."""
WAKE_TRIES, WAKE_AGAIN_SECONDS = 6, 0.05
"""A call to wake is decided on what the other writer of the status has left."""
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
    wake_reconciler: Callable[[Key], None] = lambda _: None
    """A changed size does not wait for the watch to bring it."""
    _memories: dict[str, Memory] = field(default_factory=dict)
    _written: dict[str, float] = field(default_factory=dict)
    _kept: dict[str, float] = field(default_factory=dict)
    """When what was learned of a fleet was last written."""
    _news: dict[str, float] = field(default_factory=dict)
    """When a fleet's source can next have read its pods again."""
    _chronicles: dict[str, Chronicle] = field(default_factory=dict)
    _observed: dict[Key, tuple[int, Observed | None]] = field(default_factory=dict)
    """Each with the cache's edition that it was read from."""

    async def tick(self, key: Key) -> float | None:
        """One look at the load; seconds until the next, None when the fleet is not autoscaled. Raises FleetError."""
        observed = self._looked_at(key)
        deployment = observed.deployment if observed else None
        if observed is None or deployment is None or deployment.deleting:
            self._observed.pop(key, None)
            return None
        if deployment.spec.autoscaling is None:
            await self._retire(key, observed)
            return None
        if held_by(observed):
            await self._retire(key, observed)
            return self.settings.autoscale_tick_seconds
        if not deployment.spec.paused and observed.fleets():
            early = self._until_news(deployment)
            if early <= 0:
                await self._decide(key, observed, deployment)
            return early if early > 0 else max(self.settings.autoscale_tick_seconds, self._until_news(deployment))
        return self.settings.autoscale_tick_seconds

    def _until_news(self, deployment: LLMDeployment) -> float:
        return self._news.get(deployment.uid, 0.0) - self.clock.monotonic()

    async def wake(self, key: Key, replicas: int) -> Woken:
        """Have at least so many replicas, and keep them for a while. Raises FleetError, Refused with what to do."""
        observed, deployment = self._wakeable(key, replicas)
        before, now = standing_size(observed), self.clock.monotonic()
        memory = self._memory(deployment.uid, observed, now)
        rest = memory.rest.wake(replicas, now, policy(deployment, self.settings).awake_seconds)
        self._memories[deployment.uid] = replace(memory, rest=rest)
        for _ in range(WAKE_TRIES):
            with suppress(Conflict):
                decided = await self._decide(key, *self._wakeable(key, replicas))
                return Woken(before=before, replicas=decided.replicas, reason=decided.why, message=decided.message)
            await asyncio.sleep(WAKE_AGAIN_SECONDS)
        raise Unavailable(f"{key} changes all the time; the call is remembered and carried out with the next look")

    def account(self, key: Key, seconds: float) -> Account:
        """What is known of the last ``seconds``. Refused where there is nothing to explain."""
        observed = self._known(key)
        try:
            told = accounts.from_status(observed, self.clock.rfc3339())
        except NotAutoscaled as error:
            raise Refused(f"{key}: {error}", HTTPStatus.CONFLICT) from error
        chronicle = self._chronicles.get(observed.raw["metadata"]["uid"])
        return accounts.since(chronicle.told(told) if chronicle else told, seconds)

    def _known(self, key: Key) -> Observed:
        observed = self.cache.look(key)
        if observed is None:
            raise Refused(f"{key}: the operator knows no LLMDeployment of that name", HTTPStatus.NOT_FOUND)
        return observed

    def _wakeable(self, key: Key, replicas: int) -> tuple[Observed, LLMDeployment]:
        observed = self._known(key)
        refusal = hindrance(observed, replicas, self.clock.rfc3339())
        if observed.deployment is None or refusal:
            raise Refused(f"{key}: {refusal}", HTTPStatus.CONFLICT)
        return observed, observed.deployment

    def _looked_at(self, key: Key) -> Observed | None:
        """What is known of a fleet, read anew when anything of it is another; None when it is gone."""
        edition = self.cache.edition(key)
        known, observed = self._observed.get(key, (-1, None))
        if known != edition:
            observed = self.cache.look(key)
            self._observed[key] = edition, observed
        return observed

    async def _retire(self, key: Key, observed: Observed) -> None:
        """Take back the recorded decision of a fleet that is not autoscaled by us any more."""
        metadata = observed.raw["metadata"]
        self.forget(metadata["uid"])
        self.metrics.sizing.forget(*key)
        if observed.status.autoscaling is not None:
            version = metadata["resourceVersion"]
            self.cache.put(await self.cluster.apply_status(key, version, {}, names.AUTOSCALER_MANAGER))

    async def _decide(self, key: Key, observed: Observed, deployment: LLMDeployment) -> scaling.Decision:
        uid, wall = deployment.uid, self.clock.rfc3339()
        enforced = _is_enforced(observed)
        size = standing_size(observed) if enforced else desired_size(observed, deployment, wall)
        ready = [pod for pod in observed.staying() if pod.is_ready]
        heard = await Signals(self.pods, self.sources).look(key, source_of(deployment), ready)
        now = self.clock.monotonic()
        self._news[uid] = now + heard.interval
        memory = self._memory(uid, observed, now)
        startup = observed.status.startup
        seen = tick(now, heard.samples, tuple(float(each.seconds) for each in startup.recent) if startup else ())
        within = _within(deployment, wall)
        asked = policy(deployment, self.settings, within)
        if sum(map(bool, observed.fleets().values())) > 1:  # a rollout that nobody watches must end all the same
            asked = replace(asked, idle_seconds=math.inf)
        decision, self._memories[uid] = scaling.decide(asked, memory, size, seen, now)
        if heard.trouble and decision.replicas == size:
            told = f"{heard.said}; holding {size}"
            decision = replace(decision, why=heard.trouble, message=told, load_seen=False)
        self.metrics.sizing.look(key, seen, decision, asked.max_replicas)
        self.metrics.sizing.judge(key, attainment(asked.objectives, self._memories[uid].arrivals.since(now)))
        chronicle = self._chronicles.setdefault(uid, Chronicle(wall))
        past = observed.status.autoscaling
        before = past.desired if past and not enforced else size  # what is not enforced is told once all the same
        flows = self._memories[uid].arrivals.flows
        chronicle.note(wall, look.seen(seen, decision.replicas, flows, asked.objectives), decision, before)
        await self._record(key, observed, decision, before, within.changes)
        return decision

    def _memory(self, uid: str, observed: Observed, now: float) -> Memory:
        """What is remembered; after a restart what the status has of it."""
        known = self._memories.get(uid)
        if known is None:
            past = observed.status.autoscaling
            known = replace(Memory.fresh(now), arrivals=recalled(past.learned if past else None, now))
        return known

    def _learned(self, uid: str, past: AutoscalingStatus | None, now: float) -> Learned | None:
        """What the status is to have of what was learned: the same as before until other numbers are worth a write."""
        before, found = past.learned if past else None, learned(self._memories[uid].arrivals)
        is_due = now - self._kept.get(uid, -math.inf) >= EVERY_SECONDS
        return found if found and is_due and is_news(found, before) else before

    async def _record(
        self, key: Key, observed: Observed, decision: scaling.Decision, size: int, changes: str | None
    ) -> None:
        """Write the decision when its meaning changed; that write wakes the reconciler."""
        past = observed.status.autoscaling
        uid, now = observed.raw["metadata"]["uid"], self.clock.monotonic()
        resized = past is None or past.desired != decision.replicas
        told = (decision.why, decision.load_seen, changes)
        retold = past is not None and (past.reason, past.load_seen, past.next_schedule_change) != told
        is_due = retold and now - self._written.get(uid, -REASON_SECONDS) >= REASON_SECONDS
        kept = self._learned(uid, past, now)
        has_learned = kept is not None and (past is None or kept != past.learned)
        if not (resized or is_due or has_learned):
            return
        recorded = _status(past, decision, size, self.clock.rfc3339())
        recorded = recorded.model_copy(
            update={"next_schedule_change": changes, "source": source_of(observed.deployment), "learned": kept}
        )
        members = {"autoscaling": recorded.model_dump(mode="json", by_alias=True, exclude_none=True)}
        version = observed.raw["metadata"]["resourceVersion"]
        self.cache.put(await self.cluster.apply_status(key, version, members, names.AUTOSCALER_MANAGER))
        self._written[uid] = now
        if has_learned:
            self._kept[uid] = now
        if resized:
            self.wake_reconciler(key)
        if decision.replicas != size and _is_enforced(observed):
            self.metrics.decisions.labels(*key, decision.why).inc()
            text = f"{size} -> {decision.replicas}: {decision.message}"
            log.info("%s: %s: %s", key, decision.why, text)
            await self.events.post(observed.raw, "Normal", f"Scaled{decision.why}", text)
        elif past is not None and past.reason != decision.why and decision.why in TROUBLES:
            log.warning("%s: %s: %s", key, decision.why, decision.message)
            await self.events.post(observed.raw, "Warning", decision.why, decision.message)

    def let_go(self, key: Key) -> None:
        """Drop what was read of a fleet that is gone."""
        self._observed.pop(key, None)

    def forget(self, uid: str) -> None:
        """Drop what is remembered of an object that is gone."""
        self._memories.pop(uid, None)
        self._written.pop(uid, None)
        self._kept.pop(uid, None)
        self._chronicles.pop(uid, None)
        self._news.pop(uid, None)


def _is_enforced(observed: Observed) -> bool:
    spec = observed.deployment.spec if observed.deployment else None
    return spec is not None and spec.autoscaling is not None and spec.autoscaling.is_enforced


def source_of(deployment: LLMDeployment | None) -> str | None:
    """Name of the metrics source that a fleet is sized by; None for its own pods."""
    autoscaling = deployment.spec.autoscaling if deployment else None
    return autoscaling.metrics_source_name if autoscaling else None


def _within(deployment: LLMDeployment, now: str) -> Bounds:
    if deployment.spec.autoscaling is None:
        raise ValueError(f"{deployment.name} has no spec.autoscaling")
    return bounds(deployment.spec.autoscaling, now)


def policy(deployment: LLMDeployment, settings: Settings, within: Bounds | None = None) -> Policy:
    """What the spec and the settings ask of the decider; the spec must have autoscaling."""
    autoscaling = deployment.spec.autoscaling
    if autoscaling is None:
        raise ValueError(f"{deployment.name} has no spec.autoscaling")
    return replace(
        policy_of(autoscaling, deployment.spec.engine.max_concurrency, within),
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
    return standing(decision, now if moved or past is None else past.since, history)
