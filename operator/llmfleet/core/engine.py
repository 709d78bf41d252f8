"""What ready pods say of their engine: whether the runtime knows its version and finds its metrics."""

from llmfleet.api.conditions import MEANINGS, ConditionType, Reason, condition
from llmfleet.api.status import Condition, ConditionStatus
from llmfleet.core.world import Observed
from llmfleet_runtime.contract import EngineWarning

KNOWN = (Reason.METRIC_UNKNOWN, Reason.ENGINE_VERSION_UNKNOWN)
"""Worst first: without a number the fleet may not be sized."""


def engine_verified(observed: Observed) -> Condition:
    """The condition; while no ready pod tells, what was said last."""
    kind, generation = ConditionType.ENGINE_VERIFIED, observed.generation
    told = [report.status for report in observed.reports.values() if report.status]
    if not told:
        past = next((each for each in observed.status.conditions if each.type == kind), None)
        if past:
            return past.model_copy(update={"observed_generation": generation})
        return condition(kind, ConditionStatus.UNKNOWN, Reason.PENDING, "no ready pod has told", generation)
    warnings = [each for status in told for each in status.warnings or ()]
    if not warnings:
        return condition(kind, ConditionStatus.TRUE, Reason.ENGINE_VERIFIED, "", generation)
    worst = min(warnings, key=lambda each: (KNOWN.index(_reason(each)), each.message))
    pods = sum(worst in (status.warnings or ()) for status in told)
    words = f"{pods} of {len(told)} ready pods: {worst.message[:600]} | {MEANINGS[_reason(worst)]}"
    return condition(kind, ConditionStatus.FALSE, _reason(worst), words, generation)


def _reason(warning: EngineWarning) -> Reason:
    """A later runtime may warn of more than we know."""
    return Reason(warning.reason) if warning.reason in KNOWN else Reason.ENGINE_VERSION_UNKNOWN
