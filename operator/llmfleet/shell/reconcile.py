"""One reconcile: observe, plan, execute, report."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from llmfleet import names
from llmfleet.api.conditions import Reason
from llmfleet.core import download, drains, entry, fleet, starts, status
from llmfleet.core.goal import Goal, goal
from llmfleet.core.inspection import is_inspection
from llmfleet.core.plan import Action, Annotate, Apply, Outcome, Outcomes, Plan
from llmfleet.core.template import Defaults
from llmfleet.core.usage import usage
from llmfleet.core.world import Observed, Report
from llmfleet.shell.cache import Cache
from llmfleet.shell.cluster import NameTaken
from llmfleet.shell.errors import Conflict, Refused
from llmfleet.shell.ports import Clock, Cluster, Key, Pods, Room
from llmfleet.shell.telemetry import Events, Metrics, action_name, as_members
from llmfleet.shell.turns import Turns

REFUSED_RECHECK_SECONDS = 30.0
"""What stood in the way of a refused write need not be ours, so that no event tells when it is gone."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """A fleet as the cache has it; it need not be parsed again before the cache tells of it anew."""

    edition: int
    seen: Observed | None


@dataclass(frozen=True)
class Reconciler:
    """Brings one LLMDeployment a step nearer to its spec per call."""

    cache: Cache
    cluster: Cluster
    pods: Pods
    room: Room
    clock: Clock
    defaults: Defaults
    metrics: Metrics
    events: Events
    turns: Turns
    """What is no waiting for pods is done by so many at once."""
    looks: Callable[[Key], None] = lambda _: None
    """Told as a pass begins to look: what was news until then is seen by it, however long it waited for its turn."""

    async def reconcile(self, key: Key) -> float | None:
        """One pass; seconds until the next one is wanted without an event. Raises FleetError."""
        look = self._look(key)
        told = await self.pods.reports(download.speakers(look.seen)) if look.seen else {}
        async with self.turns.take():
            return await self._pass(key, look, told)

    def _look(self, key: Key) -> Look:
        return Look(self.cache.edition(key), self.cache.look(key))

    async def _pass(self, key: Key, look: Look, told: Mapping[str, Report]) -> float | None:
        self.looks(key)
        seen = look.seen if look.edition == self.cache.edition(key) else self._look(key).seen
        if seen is None:
            return None
        with self.metrics.reconcile_seconds.time():
            raw, now = seen.raw, self.clock.rfc3339()
            observed, aim = await self._observe(seen, told, now)
            departed = self.cache.departed(key)
            left = drains.removals(raw["metadata"]["uid"], departed, observed.status.drains, now)
            observed = replace(observed, removals=left)
            plan = fleet.plan(observed, self.defaults, now, aim)
            await self._check_owner(key, observed, plan)
            outcomes = await self._execute(key, plan)
            if any(is_inspection(each.action.ref) for each in outcomes.refusals):
                observed = replace(observed, inspection_refused=True)
                plan = fleet.plan(observed, self.defaults, now, aim)
                outcomes = await self._execute(key, plan)
            await self._report(key, observed, plan, outcomes, now)
            self.cache.enter(key, departed)
            await self._account(key, observed)
        return REFUSED_RECHECK_SECONDS if outcomes.refusals else plan.recheck_after

    async def _observe(self, seen: Observed, told: Mapping[str, Report], now: str) -> tuple[Observed, Goal | None]:
        """What is seen with what the pods say of themselves, and where the fleet is to go."""
        aim = goal(seen, now)
        is_new = aim is not None and entry.is_due(seen, aim.revision, self.defaults, now)
        capacity = await self.room.read() if is_new or fleet.needs_capacity(seen, aim) else None
        speakers = download.speakers(seen)
        told = {**told, **await self.pods.reports([pod for pod in speakers if pod.uid not in told])}
        arrivals = {pod.uid: told[pod.uid] for pod in speakers if not pod.is_ready}
        reports = {pod.uid: told[pod.uid] for pod in speakers if pod.is_ready}
        return replace(download.with_arrivals(seen, arrivals), reports=reports, capacity=capacity), aim

    async def _check_owner(self, key: Key, observed: Observed, plan: Plan) -> None:
        """Conflict when children would be made for an owner that is gone.

        Where the garbage of a deleted fleet is collected, one watch may tell of the children's end before another of
        the owner's; upstream asks before it adopts for the same reason (``RecheckDeletionTimestamp``). Of an owner that
        has never had a status there is no garbage.
        """
        if plan.makes and observed.status.conditions and not await self.cluster.lives(observed.raw):
            raise Conflict(f"{key} was deleted, of which its watch has not told yet")

    async def _execute(self, key: Key, plan: Plan) -> Outcomes:
        """Carry out the actions in order, up to the first refusal."""
        done: list[Outcome] = []
        for action in plan.actions:
            outcome = await self._attempt(key, action)
            done.append(outcome)
            if not outcome.is_done:
                self.metrics.refusals.labels(outcome.reason).inc()
                log.warning("%s: %s refused: %s", key, action.ref, outcome.message)
                break
            self.metrics.actions.labels(action_name(action)).inc()
            log.info("%s: %s %s: %s", key, action_name(action), action.ref, action.why)
        return Outcomes(tuple(done))

    async def _attempt(self, key: Key, action: Action) -> Outcome:
        try:
            await self._carry_out(key, action)
        except NameTaken as error:
            return Outcome(action, Reason.NAME_TAKEN, str(error))
        except Refused as error:
            return Outcome(action, Reason.REFUSED, str(error))
        return Outcome(action)

    async def _carry_out(self, key: Key, action: Action) -> None:
        if isinstance(action, Apply):
            answer = await self.cluster.apply(key.namespace, action.manifest, action.resource_version)
            self.cache.put(answer)
        elif isinstance(action, Annotate):
            await self.cluster.annotate(key.namespace, action.ref, action.uid, action.annotations)
        else:
            await self.cluster.delete(key.namespace, action.ref, action.uid)

    async def _report(self, key: Key, observed: Observed, plan: Plan, outcomes: Outcomes, now: str) -> None:
        """Write the status when its meaning changed, and say the change as Events."""
        derived = status.derive(observed, plan, outcomes, now)
        recorded = observed.status.model_copy(update={"autoscaling": None})
        self.metrics.standing.hold(*key, derived)
        self.metrics.meter.hold(*key, usage(observed))
        self.metrics.expect(*key)
        await self.events.foretell(observed.raw, recorded, derived, plan.rollout)
        if derived != recorded and "deletionTimestamp" not in observed.raw["metadata"]:
            version, members = observed.raw["metadata"]["resourceVersion"], as_members(derived)
            self.cache.put(await self.cluster.apply_status(key, version, members, names.STATUS_MANAGER))
            await self.events.changed(observed.raw, recorded, derived)
            for start in starts.added(recorded.startup, derived.startup):
                self.metrics.time(start)

    async def _account(self, key: Key, observed: Observed) -> None:
        """Count what the pods' leaving cost, and say so where requests were lost."""
        for removal in observed.removals:
            self.metrics.count(*key, removal)
            if removal.drain.aborted:
                await self.events.post(observed.raw, "Warning", Reason.REQUESTS_ABORTED, drains.told(removal.drain))
