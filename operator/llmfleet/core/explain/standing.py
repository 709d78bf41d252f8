"""A decision as the status has it."""

from llmfleet.api.scaled import AutoscalingStatus
from llmfleet.api.scaled import Decision as Entry
from llmfleet.core.scaling.decide import Decision
from llmfleet.core.scaling.why import LIMITS


def standing(decision: Decision, since: str, history: tuple[Entry, ...]) -> AutoscalingStatus:
    """What holds from ``since`` on, RFC 3339; ``history`` is oldest first."""
    return AutoscalingStatus(
        desired=decision.replicas,
        reason=decision.why,
        message=decision.message,
        since=since,
        limited_by=decision.why if decision.why in LIMITS else None,
        load_seen=decision.load_seen,
        coverage_percent=round(100 * decision.trust.coverage),
        trust_percent=round(100 * decision.trust.score),
        history=history,
    )
