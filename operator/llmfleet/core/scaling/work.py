"""What one request brings: prompt tokens, output tokens, cache; over five minutes, or over the last when it differs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from llmfleet.core.scaling.flow import Flow, recent

USUAL_SECONDS, RECENT_SECONDS = 300.0, 60.0
FEWEST_REQUESTS = 20
"""Fewer say nothing about sizes."""
CHANGED = 5.0
"""Standard errors that the last minute must be away from the usual to be taken."""


@dataclass(frozen=True, slots=True)
class Work:
    """Means over requests."""

    prompt: float
    """Prompt tokens."""
    output: float
    """Output tokens."""
    cache: float | None = None
    """Share of one replica's cache that a running request takes; None when not reported."""


def work(flows: Sequence[Flow], now: float) -> Work | None:
    """The sizes to reckon with; None while too few requests were seen."""
    usual = _mean(recent(flows, now, USUAL_SECONDS))
    within = recent(flows, now, RECENT_SECONDS)
    latest = _mean(within)
    if usual is None or latest is None:
        return usual
    differs = max(abs(latest.prompt / usual.prompt - 1), abs(latest.output / usual.output - 1))
    has_changed = differs > CHANGED / math.sqrt(sum(each.requests for each in within))
    return latest if has_changed else usual


def _mean(flows: Sequence[Flow]) -> Work | None:
    """Tokens over first tokens are too few while requests pile up, over ends too many; their mean is right."""
    requests, ended = sum(each.requests for each in flows), sum(each.request_token.count for each in flows)
    if requests < FEWEST_REQUESTS:
        return None
    shares = [each.kv_per_request for each in flows if each.kv_per_request]
    piled = math.sqrt(requests / ended) if ended > requests / 2 else 1.0
    return Work(
        prompt=max(1.0, sum(each.prompted for each in flows) / requests),
        output=max(1.0, piled * sum(each.tokens for each in flows) / requests),
        cache=sum(shares) / len(shares) if shares else None,
    )
