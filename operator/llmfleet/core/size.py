"""How many replicas are wanted."""

from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core.foreign import Scaler
from llmfleet.core.scaling.bounds import bounds
from llmfleet.core.world import Observed


def desired_size(observed: Observed, deployment: LLMDeployment, now: str) -> int:
    """Replicas wanted at ``now``, RFC 3339.

    The autoscaler's enforced decision within bounds, else spec.replicas, else the present size.
    What somebody else's autoscaler made of our Deployment comes before all of them.
    """
    spec, current = deployment.spec, current_size(observed)
    held = held_by(observed)
    if held:
        return _held_size(observed, held)
    if spec.autoscaling and spec.autoscaling.is_enforced:
        within = bounds(spec.autoscaling, now)
        return min(max(standing_size(observed), within.least), within.most)
    if spec.replicas is not None:
        return spec.replicas
    return 1 if current is None else current


def standing_size(observed: Observed) -> int:
    """What the autoscaler decided last, whatever bounds hold now.

    Without a decision it is the present size. A new fleet starts one replica even where zero is allowed: its errors
    show when it is made.
    """
    decision, current = observed.status.autoscaling, current_size(observed)
    return decision.desired if decision else 1 if current is None else current


def held_by(observed: Observed) -> Scaler | None:
    """Somebody else's autoscaler that sizes a Deployment of ours; one that a rollout has emptied counts no more."""
    is_idle = not any(observed.fleets().values())
    aimed = (each for each in observed.scalers if each.target in observed.children)
    return next((each for each in aimed if is_idle or _size_of(observed, each)), None)


def _held_size(observed: Observed, held: Scaler) -> int:
    """As it left it; no less than was wanted last while a rollout takes from that Deployment."""
    size = _size_of(observed, held)
    is_rolling = sum(observed.fleets().values()) > size
    return max(size, observed.status.desired_replicas or 0) if is_rolling else size


def _size_of(observed: Observed, held: Scaler) -> int:
    return int(observed.children[held.target].get("spec", {}).get("replicas", 0))


def current_size(observed: Observed) -> int | None:
    """The size last wanted; without a record the largest revision's; None for a new fleet.

    During a rollout the sizes of both revisions add up to more than was wanted, hence not their sum.
    """
    fleets = observed.fleets()
    if not fleets:
        return None
    recorded = observed.status.desired_replicas
    return max(fleets.values()) if recorded is None else recorded
