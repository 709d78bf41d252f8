"""Whether a rollout gets on, when it is given up, and which revision to run towards (ruling 11)."""

import json

from llmfleet import names
from llmfleet.api.rollout import Rollback
from llmfleet.api.status import RevisionRole, RolloutStatus
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core.instant import elapsed
from llmfleet.core.manifests import PROGRESS_MARGIN_SECONDS, frozen_of
from llmfleet.core.plan import Plan, Ref
from llmfleet.core.room import only_waits_for_room
from llmfleet.core.template import allowing
from llmfleet.core.world import Observed


def is_rolling(observed: Observed, revision: str, desired: int) -> bool:
    """Whether another revision still has pods to give up, or this one has never served in full."""
    return observed.has_others(revision) or (desired > 0 and observed.status.served_revision != revision)


def is_complete(observed: Observed, revision: str, desired: int) -> bool:
    """Whether the wanted replicas, and no others, run this revision and answer."""
    pods_match = len(observed.staying()) == observed.ready(revision) == desired
    return pods_match and observed.fleets().get(revision) == desired and not observed.has_others(revision)


def deadline_seconds(deployment: LLMDeployment) -> int:
    """How long a revision may go without progress; unless it is set, long enough for the longest start."""
    rollout, startup = deployment.spec.rollout, deployment.spec.lifecycle.startup_timeout_seconds
    if "progress_deadline_seconds" in rollout.model_fields_set:
        return rollout.progress_deadline_seconds
    return max(rollout.progress_deadline_seconds, startup + PROGRESS_MARGIN_SECONDS)


def overdue_in(observed: Observed, deployment: LLMDeployment, revision: str, now: str) -> float | None:
    """Seconds until a revision without progress is overdue, negative when it is; None while the time does not run.

    What is seen now counts before what was recorded: progress may have come while nobody looked.
    """
    past = observed.status.rollout
    past = past if past and past.revision == revision else None
    if past is None or past.progress_time is None or _has_new_time(observed, revision, past):
        return None
    allowed = allowing(deployment, _startup_timeout(observed, deployment, revision))
    return deadline_seconds(allowed) - elapsed(past.progress_time, now)


def _startup_timeout(observed: Observed, deployment: LLMDeployment, revision: str) -> int:
    """As it was frozen with the revision, seconds; 0 without a record."""
    raw = observed.children.get(Ref("ControllerRevision", names.revision_name(deployment.name, revision)))
    return int(json.loads(frozen_of(raw).engine_json)["startupTimeoutSeconds"]) if raw else 0


def _has_new_time(observed: Observed, revision: str, past: RolloutStatus) -> bool:
    return observed.ready(revision) > past.done or only_waits_for_room(observed, revision)


def fallback(observed: Observed, deployment: LLMDeployment, revision: str, desired: int, now: str) -> str:
    """The revision to go back to because this one, of the current spec, is given up; empty while it is not.

    One that was given up stays so until the spec makes another revision.
    """
    served = observed.status.served_revision
    if deployment.spec.rollout.rollback is Rollback.NEVER or not served or served == revision:
        return ""
    if Ref("ControllerRevision", names.revision_name(deployment.name, served)) not in observed.children:
        return ""
    if desired and observed.ready(revision) >= desired:
        return ""  # whatever else is in its way, it serves
    told = any(each.name == revision and each.role is RevisionRole.GIVEN_UP for each in observed.status.revisions)
    left = overdue_in(observed, deployment, revision, now)
    return served if told or (left is not None and left <= 0) else ""


def rollout_status(observed: Observed, plan: Plan, now: str) -> RolloutStatus | None:
    """What to record of the rollout; while it waits for room or to be idle, its time does not run."""
    past, path = observed.status.rollout, plan.rollout
    if path is None:
        return past.model_copy(update={"progress_time": None}) if past and plan.blocked else None
    past = past if past and past.revision == plan.revision else None
    return RolloutStatus(
        revision=plan.revision,
        path=path.path,
        reason=path.reason,
        message=path.message,
        done=max(observed.ready(plan.revision), past.done if past else 0),
        of=plan.desired,
        since=past.since if past else now,
        progress_time=_progress_time(observed, plan, past, now),
    )


def _progress_time(observed: Observed, plan: Plan, past: RolloutStatus | None, now: str) -> str | None:
    if plan.rollout is None or plan.rollout.is_waiting or only_waits_for_room(observed, plan.revision):
        return None
    if past is None or past.progress_time is None or _has_new_time(observed, plan.revision, past):
        return now
    return past.progress_time
