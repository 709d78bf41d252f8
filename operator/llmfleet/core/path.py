"""The path of a rollout: whether a new replica comes first or an old one leaves first, asked anew at every step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmfleet.api.conditions import Reason
from llmfleet.api.rollout import RolloutType
from llmfleet.api.status import RolloutPath, RolloutStatus
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core.instant import elapsed
from llmfleet.core.pods import PodView
from llmfleet.core.rollout import Bounds, Path
from llmfleet.core.room import FREED_BY_A_NEIGHBOUR, waiting_for_room
from llmfleet.core.scene import recorded
from llmfleet.core.trouble import Trouble
from llmfleet.core.world import Observed

SURGE_TRIAL_SECONDS = 30.0
"""How long a replica may wait for the scheduler before an old one gives way, whatever our own counting says."""
LOOK_AGAIN_SECONDS = 5.0
IN_PLACE = Bounds(surge=0, unavailable=1)
HELD = Bounds(surge=0, unavailable=0)


@dataclass(frozen=True)
class Candidate:
    """The revision to roll out, and what is known of its way so far."""

    observed: Observed
    deployment: LLMDeployment
    revision: str
    template: Mapping[str, Any]
    desired: int
    now: str
    is_fallback: bool = False
    """It comes back because the revision of the spec was given up."""

    @property
    def told(self) -> RolloutStatus | None:
        """What the status says of this revision's rollout."""
        rollout = self.observed.status.rollout
        return rollout if rollout and rollout.revision == self.revision else None

    @property
    def starting(self) -> int:
        """Pods asked for that do not answer yet."""
        return max(0, self.observed.fleets().get(self.revision, 0) - self.observed.ready(self.revision))

    @property
    def old(self) -> tuple[PodView, ...]:
        """Placed pods of other revisions that stay."""
        return tuple(pod for pod in self.observed.staying() if pod.revision != self.revision and pod.node)

    @property
    def coming_room(self) -> int:
        """Pods of ours that are about to leave room: on their way, more than wanted, or of no use any more."""
        open_nodes = {node.name for node in self.observed.capacity.nodes} if self.observed.capacity else set()
        leaving = [pod for pod in self.observed.pods if pod.is_leaving and not pod.has_ended and pod.node in open_nodes]
        useless = [
            pod for pod in self.old if not pod.has_served and pod.revision != self.observed.status.served_revision
        ]
        return len(leaving) + len(useless) + max(0, self.observed.ready() - self.desired)

    @property
    def room(self) -> int | None:
        """For how many pods there is or will be room; None where nodes are not seen."""
        capacity = self.observed.capacity
        return None if capacity is None else capacity.room(self.template) + self.coming_room

    def is_freed_by(self, pod: PodView) -> bool:
        """Whether this one would find room if that pod left."""
        capacity, frozen = self.observed.capacity, recorded(self.observed, self.deployment, pod.revision)
        return bool(capacity and frozen and capacity.without(frozen.template, pod.node).room(self.template))


def choose(candidate: Candidate) -> Path:
    """The path of the next step."""
    asked = candidate.deployment.spec.rollout.type
    told = candidate.told.path if candidate.told else None
    has_begun = told not in (None, RolloutPath.WAITING)
    if not candidate.observed.has_others(candidate.revision) and told is not RolloutPath.IN_PLACE:
        return Path(RolloutPath.SURGE, Reason.STARTING, "nothing is replaced", Bounds())
    if asked is RolloutType.SURGE:
        return _surge(candidate, Reason.AS_REQUESTED)
    if asked is RolloutType.IN_PLACE:
        return _in_place(candidate, Reason.AS_REQUESTED)
    if asked is RolloutType.WHEN_IDLE and not has_begun and not candidate.is_fallback:
        return _when_idle(candidate) or _auto(candidate)
    return _auto(candidate)


def _auto(candidate: Candidate) -> Path:
    """A step under way ends as it began; nodes that cannot be seen are tried once, not at every step."""
    room, told = candidate.room, candidate.told
    if told and told.path is RolloutPath.IN_PLACE and (candidate.starting or room is None):
        return _in_place(candidate, Reason(told.reason))
    waiting = waiting_for_room(candidate.observed, candidate.revision)
    if waiting:
        return _without_room(candidate, waiting)
    if told and candidate.starting and told.path is not RolloutPath.WAITING:
        return _surge(candidate, Reason(told.reason))
    if room is None:
        return _surge(candidate, Reason.FREE_CAPACITY_UNKNOWN)
    return _surge(candidate, Reason.FREE_GPU) if room else _make_room(candidate)


def _without_room(candidate: Candidate, waiting: tuple[Trouble, ...]) -> Path:
    """The scheduler has the last word: what we count as free may be taken or not fit in a way that we do not see."""
    longest = max(elapsed(each.since, candidate.now) for each in waiting)
    left = 0.0 if _is_refused(waiting) else SURGE_TRIAL_SECONDS - longest
    if candidate.room is None:
        return _surge(candidate, Reason.FREE_CAPACITY_UNKNOWN, left) if left > 0 else _blindly(candidate, waiting)
    if candidate.coming_room or (left > 0 and candidate.room >= len(waiting)):
        return _surge(candidate, Reason.FREE_GPU, left if left > 0 else LOOK_AGAIN_SECONDS)
    return _make_room(candidate)


def _is_refused(waiting: tuple[Trouble, ...]) -> bool:
    """A quota's no is final, whatever nodes have left."""
    return any(each.reason is Reason.QUOTA_EXCEEDED for each in waiting)


def _make_room(candidate: Candidate) -> Path:
    """An old replica leaves first, if that helps."""
    waiting = waiting_for_room(candidate.observed, candidate.revision)
    if _is_refused(waiting) or any(candidate.is_freed_by(pod) for pod in candidate.old):
        return _in_place(candidate, Reason.NO_FREE_GPU)
    return _surge(candidate, Reason.UNSCHEDULABLE)


def _blindly(candidate: Candidate, waiting: tuple[Trouble, ...]) -> Path:
    """Nodes are not seen: only a lack that a neighbour of the same kind ends by leaving is worth a replica."""
    if all(each.reason in FREED_BY_A_NEIGHBOUR for each in waiting):
        return _in_place(candidate, Reason.NO_FREE_GPU)
    return _surge(candidate, Reason.UNSCHEDULABLE)


def _surge(candidate: Candidate, reason: Reason, recheck_after: float | None = None) -> Path:
    surge = candidate.deployment.spec.rollout.surge
    most = surge.max_surge
    if candidate.room is not None and reason is Reason.FREE_GPU:
        most = min(most, max(1, candidate.starting + candidate.room))
    dip = f", at most {surge.max_unavailable} fewer" if surge.max_unavailable else ", none fewer"
    message = f"at most {most} more than {candidate.desired} replicas at a time{dip}"
    return Path(RolloutPath.SURGE, reason, message, Bounds(most, surge.max_unavailable), recheck_after)


def _in_place(candidate: Candidate, reason: Reason) -> Path:
    left = max(0, candidate.desired - 1)
    dip = f"{left} of {candidate.desired} replicas serve" if left else "no replica serves"
    return Path(RolloutPath.IN_PLACE, reason, f"expect {dip} until each successor is ready", IN_PLACE)


def _when_idle(candidate: Candidate) -> Path | None:
    """Wait while requests come in, up to the longest wait; None when the rollout may begin."""
    rule = candidate.deployment.spec.rollout.when_idle
    since = candidate.told.since if candidate.told else candidate.now
    left = rule.timeout_seconds - elapsed(since, candidate.now)
    ready = [pod for pod in candidate.observed.staying() if pod.is_ready]
    reports = [candidate.observed.reports.get(pod.uid) for pod in ready]
    idle = min((report.idle_seconds or 0.0 if report else 0.0 for report in reports), default=float(rule.idle_seconds))
    if left <= 0 or idle >= rule.idle_seconds:
        return None
    latest = f"at the latest {rule.timeout_seconds} s after {since}"
    message = f"begins after {rule.idle_seconds} s without a request, {latest}"
    again = min(left, max(1.0, min(LOOK_AGAIN_SECONDS, rule.idle_seconds - idle)))
    return Path(RolloutPath.WAITING, Reason.WAITING_FOR_IDLE, message, HELD, again)
