"""Which replicas of a revision wait for room: the scheduler cannot place them, or a quota lets none be made."""

from llmfleet import names
from llmfleet.api.conditions import Reason
from llmfleet.core.plan import Ref
from llmfleet.core.trouble import Trouble, creations
from llmfleet.core.world import Observed

UNPLACED = frozenset({Reason.INSUFFICIENT_GPU, Reason.UNSCHEDULABLE})
FREED_BY_A_NEIGHBOUR = frozenset({Reason.INSUFFICIENT_GPU, Reason.QUOTA_EXCEEDED})
"""Lacks that a replica of the same kind ends by leaving."""


def waiting_for_room(observed: Observed, revision: str) -> tuple[Trouble, ...]:
    """What keeps replicas of a revision from a place; at most one entry for all that a quota holds back."""
    unplaced = [pod.trouble for pod in observed.staying(revision) if pod.trouble and pod.trouble.reason in UNPLACED]
    deployment = observed.children.get(
        Ref("Deployment", names.revision_name(observed.raw["metadata"]["name"], revision))
    )
    refused = creations([deployment] if deployment else [])
    return (*unplaced, *(each for each in refused if each.reason is Reason.QUOTA_EXCEEDED))


def only_waits_for_room(observed: Observed, revision: str) -> bool:
    """Whether nothing but room is missing: then there is no progress to be expected."""
    unready = [pod for pod in observed.staying(revision) if not pod.is_ready]
    waiting = waiting_for_room(observed, revision)
    return bool(waiting) and all(pod.trouble in waiting for pod in unready)
