"""``spec.autoscaling`` by the clock: the policy that is in force at each moment, with what schedules then say."""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from llmfleet.api.autoscaling import Autoscaling
from llmfleet.core.scaling.bounds import Bounds, bounds
from llmfleet.core.scaling.decide import Policy
from llmfleet.core.scaling.targets import policy_of


@dataclass(frozen=True)
class Timetable:
    """One policy over time; moments are Unix times, seconds."""

    autoscaling: Autoscaling
    max_concurrency: int | None = None
    """The engine's; None when it chooses."""

    def policy(self, moment: float) -> Policy:
        """What the decider is asked for then."""
        found = policy_of(self.autoscaling, self.max_concurrency, self._bounds(moment))
        # A metrics source does not say for how long pods are idle.
        return replace(found, idle_seconds=math.inf) if self.autoscaling.metrics_source_name else found

    def trouble(self, moment: float) -> str:
        """Which schedules count for nothing then, and why; empty when all can be followed."""
        return self._bounds(moment).trouble

    def _bounds(self, moment: float) -> Bounds:
        return bounds(self.autoscaling, instant(moment))


def instant(moment: float) -> str:
    """A Unix time as RFC 3339, to the second or finer."""
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
