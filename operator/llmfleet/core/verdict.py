"""The one judgement behind Ready, Reconciling and Stalled: an ordered tuple of questions, the first answer counts."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from llmfleet.api.conditions import MEANINGS, Reason
from llmfleet.core import adapters
from llmfleet.core.admission import REFUSING
from llmfleet.core.download import download
from llmfleet.core.plan import Outcomes, Plan
from llmfleet.core.pods import worst
from llmfleet.core.progress import is_complete, overdue_in
from llmfleet.core.remedy import remedy
from llmfleet.core.trouble import Trouble, creations
from llmfleet.core.wake import asleep
from llmfleet.core.world import Observed


class State(StrEnum):
    """Exactly one holds."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


@dataclass(frozen=True)
class Verdict:
    """How the fleet stands, with its reason and the next step."""

    state: State
    reason: Reason
    message: str

    @property
    def ready(self) -> bool:
        """The current spec is fully served."""
        return self.state is State.READY

    @property
    def reconciling(self) -> bool:
        """Something is under way."""
        return self.state is State.RECONCILING

    @property
    def stalled(self) -> bool:
        """Only a change by somebody helps."""
        return self.state is State.STALLED


@dataclass(frozen=True)
class _Case:
    observed: Observed
    plan: Plan
    outcomes: Outcomes
    now: str

    @property
    def trouble(self) -> Trouble | None:
        """The worst trouble among pods of the current revision."""
        return worst((pod for pod in self.observed.pods if pod.revision == self.plan.revision), self.now)


_BLOCKED_STATES = {
    Reason.DELETING: State.RECONCILING,
    Reason.INVALID_SPEC: State.STALLED,
    Reason.REVISION_MISSING: State.STALLED,
    Reason.INSPECTING: State.RECONCILING,
    Reason.QUANTIZING: State.RECONCILING,
    **dict.fromkeys(REFUSING, State.STALLED),
}


def _blocked(case: _Case) -> Verdict | None:
    for blocked in case.plan.blocked:
        if blocked.reason is Reason.QUANTIZING and case.outcomes.refusals:
            continue  # of its Job: the server's words say more
        if blocked.reason in _BLOCKED_STATES:
            return Verdict(
                _BLOCKED_STATES[blocked.reason], blocked.reason, _with_meaning(blocked.reason, blocked.message)
            )
        if blocked.reason is Reason.PAUSED:
            return _paused(case)
    return None


def _paused(case: _Case) -> Verdict:
    """Paused and complete is Ready; paused short of the spec is stuck until somebody resumes."""
    state = State.READY if _is_complete(case) and not case.plan.given_up else State.STALLED
    return Verdict(state, Reason.PAUSED, MEANINGS[Reason.PAUSED])


def _refused(case: _Case) -> Verdict | None:
    for refusal in case.outcomes.refusals:
        if refusal.reason:
            message = f"{refusal.action.ref}: {refusal.message}"
            return Verdict(State.STALLED, refusal.reason, _with_meaning(refusal.reason, message))
    return None


def _creation_failed(case: _Case) -> Verdict | None:
    """The ReplicaSet cannot make pods: quota, pod security, admission."""
    for trouble in creations(case.observed.of_kind("Deployment")):
        return _of(trouble, State.STALLED if trouble.stalls(case.now) else State.RECONCILING)
    return None


def _hopeless(case: _Case) -> Verdict | None:
    """Pods that only a change can help."""
    trouble = case.trouble
    return _of(trouble, State.STALLED) if trouble and trouble.stalls(case.now) else None


def _troubled(case: _Case) -> Verdict | None:
    """Pods that wait for something."""
    return _of(case.trouble, State.RECONCILING) if case.trouble else None


def _of(trouble: Trouble, state: State) -> Verdict:
    return Verdict(state, trouble.reason, _with_meaning(trouble.reason, trouble.message))


def _overdue(case: _Case) -> Verdict | None:
    """No progress for the whole deadline, and nothing to go back to."""
    deployment, plan = case.observed.deployment, case.plan
    left = overdue_in(case.observed, deployment, plan.revision, case.now) if deployment else None
    if left is None or left > 0 or plan.rollout is None:
        return None
    words = case.trouble.message if case.trouble else f"revision {plan.revision}"
    return Verdict(
        State.STALLED,
        Reason.PROGRESS_DEADLINE_EXCEEDED,
        _with_meaning(Reason.PROGRESS_DEADLINE_EXCEEDED, words),
    )


def _given_up(case: _Case) -> Verdict | None:
    """The current spec was given up: the revision before it comes back, then that is how it stays."""
    plan = case.plan
    if not plan.given_up or (case.trouble and not _is_complete(case)):
        return None
    words = f"revision {plan.given_up} was given up, revision {plan.revision} stands in for it"
    state, reason = State.RECONCILING, Reason.ROLLING_BACK
    if _is_complete(case):
        state, reason = State.STALLED, Reason.ROLLED_BACK
    return Verdict(state, reason, _with_meaning(reason, words))


def _is_complete(case: _Case) -> bool:
    return is_complete(case.observed, case.plan.revision, case.plan.desired)


def _adapting(case: _Case) -> Verdict | None:
    """All replicas serve, and not yet all that the spec names; one that failed is AdaptersReady's, the rest serve."""
    found = adapters.standing(case.observed, case.plan.revision)
    if not _is_complete(case) or not found.is_loading:
        return None
    words = f"{found.ready} of {found.wanted} adapters are served by every ready pod"
    return Verdict(State.RECONCILING, Reason.ADAPTERS_LOADING, _with_meaning(Reason.ADAPTERS_LOADING, words))


def _complete(case: _Case) -> Verdict | None:
    if not _is_complete(case):
        return None
    desired = case.plan.desired
    if desired == 0:
        message = asleep(case.observed) or MEANINGS[Reason.SCALED_TO_ZERO]
        return Verdict(State.READY, Reason.SCALED_TO_ZERO, message)
    return Verdict(State.READY, Reason.ALL_REPLICAS_READY, f"{desired} of {desired} replicas run the current spec")


def _under_way(case: _Case) -> Verdict:
    observed, plan = case.observed, case.plan
    ready = f"{observed.ready(plan.revision)} ready of {plan.desired} wanted in revision {plan.revision}"
    if plan.rollout and plan.rollout.is_waiting:
        return Verdict(State.RECONCILING, plan.rollout.reason, _with_meaning(plan.rollout.reason, plan.rollout.message))
    if observed.has_others(plan.revision):
        return Verdict(State.RECONCILING, Reason.ROLLING_OUT, f"{ready}; {_with_previous(case)}")
    if observed.ready() == 0:
        found = download(observed, plan.revision)
        words = f"{ready}; {found.percent} % of the model is downloaded" if found else ready
        return Verdict(State.RECONCILING, Reason.STARTING, words)
    return Verdict(State.RECONCILING, Reason.SCALING, ready)


def _with_previous(case: _Case) -> str:
    serving = case.observed.ready() - case.observed.ready(case.plan.revision)
    return f"{serving} of the previous revision keep serving"


def _with_meaning(reason: Reason, message: str) -> str:
    """The words of whoever refused, then what they mean and the next step."""
    return f"{message.strip()[:700]} | {remedy(reason, message)}" if message.strip() else MEANINGS[reason]


_QUESTIONS: tuple[Callable[[_Case], Verdict | None], ...] = (
    _blocked,
    _refused,
    _given_up,
    _adapting,
    _complete,
    _creation_failed,
    _hopeless,
    _overdue,
    _troubled,
    _under_way,
)


def verdict(observed: Observed, plan: Plan, outcomes: Outcomes, now: str) -> Verdict:
    """How the fleet stands at ``now``, RFC 3339."""
    case = _Case(observed, plan, outcomes, now)
    return next(found for question in _QUESTIONS if (found := question(case)))
