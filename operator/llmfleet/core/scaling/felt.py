"""What users felt lately, beside what was promised them."""

from collections.abc import Sequence

from llmfleet.core.scaling.flow import Flow, Spread, joined, recent
from llmfleet.core.scaling.objective import Objective, Objectives
from llmfleet.core.scaling.work import FEWEST_REQUESTS

JUDGED_SECONDS = 90.0
"""What was promised is compared with what was kept over this time."""
FIRST_TOKEN, OUTPUT_TOKEN = "to the first token", "per token"


def _judged(objectives: Objectives, flows: Sequence[Flow], now: float) -> tuple[tuple[Objective, str, Spread], ...]:
    """Each promise with what it is about and what was measured of it lately."""
    judged = recent(flows, now, JUDGED_SECONDS)
    found = (
        (objectives.first_token, FIRST_TOKEN, joined([each.first_token for each in judged])),
        (objectives.output_token, OUTPUT_TOKEN, joined([each.request_token for each in judged])),
    )
    return tuple((promised, about, seen) for promised, about, seen in found if promised)


def felt(objectives: Objectives, flows: Sequence[Flow], now: float) -> tuple[tuple[Objective, str, float | None], ...]:
    """Each promise, what it is about, and what its share of the requests felt lately, seconds; None when none told."""
    return tuple((each, about, seen.quantile(each.share)) for each, about, seen in _judged(objectives, flows, now))


def said(objectives: Objectives, flows: Sequence[Flow], now: float) -> tuple[str, ...]:
    """What users feel, in words; nothing where too few requests told."""
    found = felt(objectives, flows, now)
    words = [f"p{each.share * 100:.0f} {value * 1000:.0f} ms {about}" for each, about, value in found if value]
    return (f"measured {', '.join(words)}",) if words else ()


def well_kept(objectives: Objectives, flows: Sequence[Flow], now: float) -> float:
    """Share of the promise that was kept least, 1 and more when all were or nothing can be told."""
    return min((_kept(promised, seen) for promised, _, seen in _judged(objectives, flows, now)), default=1.0)


def _kept(promised: Objective, seen: Spread) -> float:
    if not seen.bounds or seen.count < FEWEST_REQUESTS:
        return 1.0
    return seen.within(promised.seconds) / seen.count / promised.share
