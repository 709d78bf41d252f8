"""Whether a rollout gets on, when it is given up, and which revision to run towards (ruling 11)."""

from llmfleet import names
from llmfleet.api.rollout import Rollback
from llmfleet.api.status import RevisionRole, RolloutStatus
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core.instant import elapsed
from llmfleet.core.path import NO_ROOM
from llmfleet.core.plan import Plan, Ref
from llmfleet.core.world import Observed


def is_rolling(observed: Observed, revision: str, desired: int) -> bool:
    """Whether another revision still has pods to give up, or this one has never served in full."""
    others = any(size for name, size in observed.fleets().items() if name != revision)
    return others or (desired > 0 and observed.status.served_revision != revision)


def overdue_in(observed: Observed, deployment: LLMDeployment, revision: str, now: str) -> float | None:
    """Seconds until a revision without progress is overdue, negative when it is; None while the time does not run."""
    rollout = observed.status.rollout
    if rollout is None or rollout.revision != revision or rollout.progress_time is None:
        return None
    return deployment.spec.rollout.progress_deadline_seconds - elapsed(rollout.progress_time, now)


def fallback(observed: Observed, deployment: LLMDeployment, revision: str, now: str) -> str:
    """The revision to go back to because this one, of the current spec, is given up; empty while it is not.

    One that was given up stays so until the spec makes another revision.
    """
    served = observed.status.served_revision
    if deployment.spec.rollout.rollback is Rollback.NEVER or not served or served == revision:
        return ""
    if Ref("ControllerRevision", names.revision_name(deployment.name, served)) not in observed.children:
        return ""
    told = any(each.name == revision and each.role is RevisionRole.GIVEN_UP for each in observed.status.revisions)
    left = overdue_in(observed, deployment, revision, now)
    return served if told or (left is not None and left <= 0) else ""


def rollout_status(observed: Observed, plan: Plan, now: str) -> RolloutStatus | None:
    """What to record of the rollout; while it waits for room or to be idle, its time does not run."""
    past, path = observed.status.rollout, plan.rollout
    if path is None:
        return past.model_copy(update={"progress_time": None}) if past and plan.blocked else None
    past = past if past and past.revision == plan.revision else None
    done = observed.ready(plan.revision)
    return RolloutStatus(
        revision=plan.revision,
        path=path.path,
        reason=path.reason,
        message=path.message,
        done=done,
        of=plan.desired,
        since=past.since if past else now,
        progress_time=_progress_time(observed, plan, past, done, now),
    )


def _progress_time(observed: Observed, plan: Plan, past: RolloutStatus | None, done: int, now: str) -> str | None:
    troubles = [pod.trouble.reason for pod in observed.staying(plan.revision) if pod.trouble]
    if plan.rollout is None or plan.rollout.is_waiting or any(reason in NO_ROOM for reason in troubles):
        return None
    if past is None or past.progress_time is None or done > past.done:
        return now
    return past.progress_time
