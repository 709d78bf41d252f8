"""What a fleet is to become: the revision and the size of its spec, or the revision that comes back."""

from dataclasses import dataclass

from llmfleet.core.progress import fallback
from llmfleet.core.revision import revision_of
from llmfleet.core.size import desired_size
from llmfleet.core.world import Observed


@dataclass(frozen=True)
class Goal:
    """Found once a pass."""

    wanted: str
    """The revision of the spec."""
    desired: int
    """Replicas."""
    back: str
    """The revision to go back to; empty while the wanted one is not given up."""

    @property
    def revision(self) -> str:
        """The revision to run."""
        return self.back or self.wanted


def goal(observed: Observed, now: str) -> Goal | None:
    """Where the fleet is to go, ``now`` being RFC 3339; None where the spec cannot be read."""
    deployment = observed.deployment
    if deployment is None:
        return None
    wanted, desired = revision_of(deployment), desired_size(observed, deployment, now)
    return Goal(wanted, desired, fallback(observed, deployment, wanted, desired, now))
