"""One look at a fleet in the few numbers that an account keeps."""

import math
from typing import NamedTuple

from llmfleet.core.scaling import felt
from llmfleet.core.scaling.decide import Decision, Memory, Policy
from llmfleet.core.scaling.load import Tick


class Seen(NamedTuple):
    """NaN is not known. ``wanted`` and ``ready`` are counts, latencies seconds at their objective's percentile."""

    wanted: float
    ready: float
    in_flight: float = math.nan
    waiting: float = math.nan
    arrivals: float = math.nan
    """Requests per second."""
    first_token: float = math.nan
    output_token: float = math.nan


def seen(policy: Policy, memory: Memory, decision: Decision, tick: Tick, now: float) -> Seen:
    """The look that led to a decision; what no pod told is not known, which is not zero."""
    is_told = tick.heard > 0 or tick.ready == 0
    flow = memory.arrivals.flows[-1] if memory.arrivals.flows else None
    first, output = _latencies(policy, memory, now)
    return Seen(
        wanted=decision.replicas,
        ready=tick.ready,
        in_flight=tick.demand if is_told else math.nan,
        waiting=tick.waiting if is_told else math.nan,
        arrivals=flow.arrivals if flow and flow.time == now else math.nan,
        first_token=first,
        output_token=output,
    )


def _latencies(policy: Policy, memory: Memory, now: float) -> tuple[float, float]:
    if policy.objectives is None:
        return math.nan, math.nan
    lately = {about: value for _, about, value in felt.felt(policy.objectives, memory.arrivals.flows, now)}
    first, output = (lately.get(about) for about in (felt.FIRST_TOKEN, felt.OUTPUT_TOKEN))
    return first or math.nan, output or math.nan
