"""Bursts are too short to start a replica for: those that came lately are played again, and provided for."""

import math
from bisect import bisect_left
from collections.abc import Sequence

from llmfleet.core.scaling.flow import Flow
from llmfleet.core.scaling.objective import Objectives

REPLAYED_STARTUPS = 6.0
"""The bursts of so many start-ups are provided for: for what comes more seldom, keeping replicas costs more than
starting them again."""
MOST_REPLAYED = 4.0
"""Most replicas for what came lately, over those for its mean."""


def replayed(objectives: Objectives, flows: Sequence[Flow], carried: float, least: int) -> int:
    """The fewest replicas, and no fewer than ``least``, with which ``flows`` would have been served in time.

    ``carried`` is what one carries at the promised pace, requests per second: the wait for the first token is what is
    played.
    """
    patience = objectives.first_token.seconds / 2 if objectives.first_token else 1.0
    came, seconds = sum(each.arrivals * each.seconds for each in flows), sum(each.seconds for each in flows)
    most = max(least, math.ceil(MOST_REPLAYED * came / seconds / carried)) if seconds else least

    def serves(replicas: int) -> bool:
        return late(flows, replicas * carried, patience) <= 1 - objectives.share

    return least + bisect_left(range(least, most), x=True, key=serves)


def late(flows: Sequence[Flow], carried: float, patience: float) -> float:
    """Share of these requests that would have waited longer than ``patience`` seconds.

    A fluid queue is played over what came: ``carried`` requests per second leave it.
    """
    behind = came = missed = 0.0
    for each in flows:
        arrived = each.arrivals * each.seconds
        after = max(0.0, behind + arrived - carried * each.seconds)
        if max(behind, after) > carried * patience:
            missed += arrived
        behind, came = after, came + arrived
    return missed / came if came else 0.0
