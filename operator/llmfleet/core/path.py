"""The path of a rollout: whether a new replica comes first or an old one leaves first, asked anew at every step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmfleet.api.conditions import Reason
from llmfleet.api.rollout import RolloutType
from llmfleet.api.status import RolloutPath, RolloutStatus
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core.instant import elapsed
from llmfleet.core.rollout import Bounds, Path
from llmfleet.core.world import Observed

SURGE_TRIAL_SECONDS = 30.0
"""How long the scheduler may look for room before an old replica gives way, where nodes cannot be read."""
LOOK_AGAIN_SECONDS = 5.0
NO_ROOM = frozenset({Reason.INSUFFICIENT_GPU, Reason.UNSCHEDULABLE})
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

    @property
    def recorded(self) -> RolloutStatus | None:
        """What the status says of this revision's rollout."""
        rollout = self.observed.status.rollout
        return rollout if rollout and rollout.revision == self.revision else None

    @property
    def has_not_begun(self) -> bool:
        """Nothing was done for it yet but waiting."""
        return self.recorded is None or self.recorded.path is RolloutPath.WAITING

    @property
    def starting(self) -> int:
        """Pods asked for that do not answer yet."""
        return max(0, self.observed.fleets().get(self.revision, 0) - self.observed.ready(self.revision))

    @property
    def room(self) -> int | None:
        """For how many pods there is room, or will be once those have left that are leaving or more than wanted.

        None where nodes are not seen.
        """
        if self.observed.capacity is None:
            return None
        leaving = sum(pod.is_leaving for pod in self.observed.pods)
        surplus = max(0, self.observed.ready() - self.desired)
        return self.observed.capacity.room(self.template) + leaving + surplus

    @property
    def without_room(self) -> tuple[str, ...]:
        """Since when each pod waits for which the scheduler finds no room."""
        pods = self.observed.staying(self.revision)
        return tuple(pod.trouble.since for pod in pods if pod.trouble and pod.trouble.reason in NO_ROOM)


def choose(candidate: Candidate) -> Path:
    """The path of the next step."""
    asked = candidate.deployment.spec.rollout.type
    if asked is RolloutType.SURGE:
        return _surge(candidate, Reason.AS_REQUESTED)
    if asked is RolloutType.IN_PLACE:
        return _in_place(candidate, Reason.AS_REQUESTED)
    if asked is RolloutType.WHEN_IDLE and candidate.has_not_begun:
        return _when_idle(candidate) or _auto(candidate)
    return _auto(candidate)


def _auto(candidate: Candidate) -> Path:
    """A step under way ends as it began; nodes that cannot be seen are tried once, not at every step."""
    room, told = candidate.room, candidate.recorded
    if told and told.path is RolloutPath.IN_PLACE and (candidate.starting or room is None):
        return _in_place(candidate, Reason(told.reason))
    if candidate.without_room:
        return _without_room(candidate, candidate.without_room)
    if told and candidate.starting:
        return _surge(candidate, Reason(told.reason))
    if room is None:
        return _surge(candidate, Reason.FREE_CAPACITY_UNKNOWN)
    return _surge(candidate, Reason.FREE_GPU) if room else _in_place(candidate, Reason.NO_FREE_GPU)


def _without_room(candidate: Candidate, waiting: tuple[str, ...]) -> Path:
    if candidate.room is not None:
        has_room = candidate.room >= len(waiting)  # the scheduler is about to see it
        return _surge(candidate, Reason.FREE_GPU) if has_room else _in_place(candidate, Reason.NO_FREE_GPU)
    longest = max(elapsed(since, candidate.now) for since in waiting)
    if longest >= SURGE_TRIAL_SECONDS:
        return _in_place(candidate, Reason.NO_FREE_GPU)
    return _surge(candidate, Reason.FREE_CAPACITY_UNKNOWN, SURGE_TRIAL_SECONDS - longest)


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
    since = candidate.recorded.since if candidate.recorded else candidate.now
    left = rule.timeout_seconds - elapsed(since, candidate.now)
    ready = [pod for pod in candidate.observed.staying() if pod.is_ready]
    reports = [candidate.observed.reports.get(pod.uid) for pod in ready]
    idle = min((report.idle_seconds or 0.0 if report else 0.0 for report in reports), default=float(rule.idle_seconds))
    if left <= 0 or idle >= rule.idle_seconds:
        return None
    message = (
        f"begins after {rule.idle_seconds} s without a request, at the latest {rule.timeout_seconds} s after {since}"
    )
    again = min(left, max(1.0, min(LOOK_AGAIN_SECONDS, rule.idle_seconds - idle)))
    return Path(RolloutPath.WAITING, Reason.WAITING_FOR_IDLE, message, HELD, again)
