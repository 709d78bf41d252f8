"""The step that settled a decision, and what it means: the reasons that status, Events, metrics and log share."""

from collections.abc import Collection
from enum import StrEnum


class Why(StrEnum):
    """The step that settled the number."""

    QUEUE_DEPTH = "QueueDepth"
    TIME_TO_FIRST_TOKEN = "TimeToFirstToken"  # noqa: S105 because it is the name of a target
    TIME_PER_OUTPUT_TOKEN = "TimePerOutputToken"  # noqa: S105 because of the same
    KV_CACHE_UTILIZATION = "KVCacheUtilization"
    THROUGHPUT = "Throughput"
    OBJECTIVE_UNREACHABLE = "ObjectiveUnreachable"
    NOT_STARTING = "ReplicasNotStarting"
    PANIC = "Panic"
    RATE_LIMITED = "RateLimited"
    HELD_DOWN = "HeldDown"
    FLAP_BUDGET = "FlapBudget"
    NO_DATA = "NoData"
    LOW_TRUST = "LowTrust"
    SOURCE_UNKNOWN = "MetricsSourceUnknown"
    SOURCE_UNAVAILABLE = "MetricsSourceUnavailable"
    MIN_REPLICAS = "MinReplicas"
    MAX_REPLICAS = "MaxReplicas"
    SCHEDULE = "Schedule"
    STEADY = "Steady"
    IDLE = "Idle"
    WOKEN = "Woken"


MEANINGS: dict[Why, str] = {
    Why.QUEUE_DEPTH: "Running and waiting requests call for this many replicas at targets.queueDepth.",
    Why.TIME_TO_FIRST_TOKEN: "What comes, over what a replica carries within targets.timeToFirstToken.",
    Why.TIME_PER_OUTPUT_TOKEN: "What comes, over what a replica carries within targets.timePerOutputToken.",
    Why.KV_CACHE_UTILIZATION: "What comes, over what a replica carries before its KV cache is as full as it may be.",
    Why.THROUGHPUT: "What comes, over what a replica can compute at all: a looser target would not save a replica.",
    Why.OBJECTIVE_UNREACHABLE: "The engine alone is slower than a target, as the message says; more replicas "
    "do not help.",
    Why.NOT_STARTING: "More is called for, and replicas that were asked for long ago are not ready; once they are, "
    "more are asked for.",
    Why.PANIC: "A burst within a few seconds took over; nothing shrinks for a while after it.",
    Why.RATE_LIMITED: "More was called for than one step may add; the next step goes on from there.",
    Why.HELD_DOWN: "Fewer would do now; the size stays until they have done for the whole hold-down time.",
    Why.FLAP_BUDGET: "Fewer would do; four times within an hour the fleet grew again after it had shrunk to fewer than "
    "these, so it stays until one of them is an hour ago.",
    Why.NO_DATA: "Too few ready pods report their load. The size is held: no data is never no load.",
    Why.LOW_TRUST: "Too much of the load is silent, old or under unknown names: below 70 % nothing is released, below "
    "50 % the size is held.",
    Why.SOURCE_UNKNOWN: "metricsSourceName is no source of this operator; the size is held.",
    Why.SOURCE_UNAVAILABLE: "The metrics source does not answer, or not with numbers; the size is held.",
    Why.MIN_REPLICAS: "Fewer would do; minReplicas forbids it.",
    Why.MAX_REPLICAS: "More is called for; maxReplicas forbids it. Raise it, or accept slower answers.",
    Why.SCHEDULE: "The load calls for another number; the schedule that the message names forbids it.",
    Why.STEADY: "The size is right, or fewer would do and are waited for, as the last step says.",
    Why.IDLE: "Every ready pod has said for scaleToZeroAfterSeconds that nobody asks it anything, so none is kept. "
    "`llmfleet wake NAME` or a schedule starts the fleet; until then its Service refuses requests.",
    Why.WOKEN: "Somebody called `llmfleet wake`; so many replicas stay for scaleToZeroAfterSeconds at least, counted "
    "from the first one that is ready.",
}
LIMITS = frozenset(
    {
        Why.OBJECTIVE_UNREACHABLE,
        Why.NOT_STARTING,
        Why.RATE_LIMITED,
        Why.HELD_DOWN,
        Why.FLAP_BUDGET,
        Why.NO_DATA,
        Why.LOW_TRUST,
        Why.SOURCE_UNKNOWN,
        Why.SOURCE_UNAVAILABLE,
        Why.MIN_REPLICAS,
        Why.MAX_REPLICAS,
        Why.SCHEDULE,
    }
)
"""Steps that keep the load from having what it calls for."""
TROUBLES = LIMITS - {Why.RATE_LIMITED, Why.HELD_DOWN, Why.MIN_REPLICAS, Why.SCHEDULE}
"""Those that neither pass by themselves nor were asked for: somebody is told when one begins to hold."""


def unknown_source(name: str, known: Collection[str]) -> str:
    """That a fleet names a metrics source which the operator does not have."""
    return f"metricsSourceName {name} is not among the operator's metricsSources ({', '.join(sorted(known)) or 'none'})"
