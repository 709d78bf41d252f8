"""How many replicas are wanted."""

from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core.world import Observed


def desired_size(observed: Observed, deployment: LLMDeployment) -> int:
    """Replicas wanted: the autoscaler's enforced decision within bounds, else spec.replicas, else the present size."""
    spec, current = deployment.spec, current_size(observed)
    if spec.autoscaling and spec.autoscaling.is_enforced:
        decision = observed.status.autoscaling
        wanted = decision.desired if decision else current if current is not None else spec.autoscaling.min_replicas
        return min(max(wanted, spec.autoscaling.min_replicas), spec.autoscaling.max_replicas)
    if spec.replicas is not None:
        return spec.replicas
    return 1 if current is None else current


def current_size(observed: Observed) -> int | None:
    """The size last wanted; without a record the largest revision's; None for a new fleet.

    During a rollout the sizes of both revisions add up to more than was wanted, hence not their sum.
    """
    fleets = observed.fleets()
    if not fleets:
        return None
    recorded = observed.status.desired_replicas
    return max(fleets.values()) if recorded is None else recorded
