"""One look at a fleet in the few numbers that an account keeps."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from llmfleet.core.scaling import felt
from llmfleet.core.scaling.flow import Flow
from llmfleet.core.scaling.load import Tick
from llmfleet.core.scaling.objective import Objectives


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


def seen(tick: Tick, wanted: int, flows: Sequence[Flow], objectives: Objectives | None) -> Seen:
    """One look and the size that was wanted; ``flows`` end with what it showed. What no pod told is not zero."""
    is_told = tick.heard > 0 or tick.ready == 0
    flow = flows[-1] if flows else None
    first, output = _latencies(objectives, flows, tick.time)
    return Seen(
        wanted=wanted,
        ready=tick.ready,
        in_flight=tick.demand if is_told else math.nan,
        waiting=tick.waiting if is_told else math.nan,
        arrivals=flow.arrivals if flow and flow.time == tick.time else math.nan,
        first_token=first,
        output_token=output,
    )


def _latencies(objectives: Objectives | None, flows: Sequence[Flow], now: float) -> tuple[float, float]:
    if objectives is None:
        return math.nan, math.nan
    lately = {about: value for _, about, value in felt.felt(objectives, flows, now)}
    first, output = (lately.get(about) for about in (felt.FIRST_TOKEN, felt.OUTPUT_TOKEN))
    return first or math.nan, output or math.nan
