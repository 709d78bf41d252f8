"""``spec.autoscaling`` -> what the decider is asked for."""

import math
from dataclasses import replace

from llmfleet.api.autoscaling import Autoscaling, Latency, Targets
from llmfleet.core.scaling.bounds import Bounds
from llmfleet.core.scaling.decide import Policy
from llmfleet.core.scaling.objective import Objective, Objectives


def policy_of(autoscaling: Autoscaling, max_concurrency: int | None, within: Bounds | None = None) -> Policy:
    """The policy, with the usual windows; ``max_concurrency`` is the engine's, None when it chooses.

    ``within`` is what holds now; without it the spec's own bounds do.
    """
    within = within or Bounds(autoscaling.min_replicas, autoscaling.max_replicas)
    return Policy(
        min_replicas=within.least,
        max_replicas=within.most,
        min_by=within.least_by,
        max_by=within.most_by,
        queue_depth=autoscaling.targets.queue_depth,
        max_concurrency=max_concurrency,
        objectives=_objectives(autoscaling.targets, max_concurrency),
        idle_seconds=math.inf if within.least else autoscaling.scale_to_zero_after_seconds,
        awake_seconds=autoscaling.scale_to_zero_after_seconds,
    )


def _objectives(targets: Targets, at_once: int | None) -> Objectives | None:
    """None when only the queue is a target."""
    percent = targets.kv_cache_utilization_percent
    found = Objectives(
        first_token=_objective(targets.time_to_first_token),
        output_token=_objective(targets.time_per_output_token),
        kv_cache_usage=percent / 100 if percent else None,
    )
    return None if found == Objectives() else replace(found, at_once=at_once)


def _objective(latency: Latency | None) -> Objective | None:
    return Objective(latency.percentile / 100, latency.milliseconds / 1000) if latency else None
