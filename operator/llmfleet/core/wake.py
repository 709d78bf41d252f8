"""Who may be woken, and the words for why a fleet sleeps."""

from llmfleet.api.conditions import MEANINGS, Reason
from llmfleet.core.scaling.bounds import bounds
from llmfleet.core.size import held_by
from llmfleet.core.world import Observed


def hindrance(observed: Observed, replicas: int, now: str) -> str:
    """Why a call to wake cannot have so many replicas at ``now``, RFC 3339, with what to do; empty when it can."""
    if observed.deployment is None:
        return f"its spec breaks a rule: {observed.invalid}"
    spec, scaling, held = observed.deployment.spec, observed.deployment.spec.autoscaling, held_by(observed)
    if scaling is None:
        return "it has no spec.autoscaling, so that spec.replicas is its size; set that"
    within = bounds(scaling, now)
    by = f"schedule {within.most_by}" if within.most_by else "autoscaling.maxReplicas"
    hindrances = {
        "it is being deleted": observed.deployment.deleting,
        "spec.paused is true; set it to false first": spec.paused,
        "autoscaling.mode is Observe, so that spec.replicas is its size; set that": not scaling.is_enforced,
        f"{held.name if held else ''} has its size | {MEANINGS[Reason.FOREIGN_AUTOSCALER]}": held is not None,
        f"{replicas} replicas are more than {by} allows; ask for 1 to {within.most}": replicas > within.most,
        "it was made a moment ago and is looked at for the first time; try again": not observed.fleets(),
    }
    return next((words for words, hinders in hindrances.items() if hinders), "")


def asleep(observed: Observed) -> str:
    """Why an autoscaled fleet is at zero, since when, and how it is woken; empty for one that is not."""
    deployment, decision = observed.deployment, observed.status.autoscaling
    if deployment is None or decision is None or decision.desired or held_by(observed):
        return ""
    if deployment.spec.autoscaling is None or not deployment.spec.autoscaling.is_enforced:
        return ""
    call = f"llmfleet wake {deployment.name} -n {deployment.namespace}"
    words = f"asleep since {decision.since}: {decision.message}"
    opening = f" or the schedules' next change, at {at}," if (at := decision.next_schedule_change) else ""
    return f"{words} | `{call}`{opening} starts it; until then its Service refuses requests"
