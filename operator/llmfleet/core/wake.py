"""Who may be woken, and the words for why a fleet sleeps."""

from llmfleet.api.conditions import MEANINGS, Reason
from llmfleet.core.size import held_by
from llmfleet.core.world import Observed


def hindrance(observed: Observed, replicas: int) -> str:
    """Why so many replicas cannot be had by a call to wake, with what to do instead; empty when they can."""
    if observed.deployment is None:
        return f"its spec breaks a rule: {observed.invalid}"
    spec, scaling, held = observed.deployment.spec, observed.deployment.spec.autoscaling, held_by(observed)
    if scaling is None:
        return "it has no spec.autoscaling, so that spec.replicas is its size; set that"
    most = scaling.max_replicas
    hindrances = {
        "it is being deleted": observed.deployment.deleting,
        "spec.paused is true; set it to false first": spec.paused,
        "autoscaling.mode is Observe, so that spec.replicas is its size; set that": not scaling.is_enforced,
        f"{held.name if held else ''} has its size | {MEANINGS[Reason.FOREIGN_AUTOSCALER]}": held is not None,
        f"{replicas} replicas are more than autoscaling.maxReplicas; ask for 1 to {most}": replicas > most,
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
    return f"{words} | `{call}` starts it; until then its Service refuses requests"
