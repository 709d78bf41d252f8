"""Three runs from which a replica's model is fitted: one client, many, and prompts of several lengths."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from e2e.cluster.progress import Report

from .engine import one_by_one
from .fitted import Fitted, fitted

EACH = 3


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is sent."""

    paced: tuple[int, int]
    """Prompt and output tokens of the runs that measure the pace."""
    clients: Sequence[int]
    """How many at once; the last is the most that the engine takes into a batch."""
    prompts: Sequence[int]
    """Tokens."""


async def calibrated(url: str, runs: Calibration, report: Report) -> Fitted:
    """The model of the engine there."""
    await one_by_one(url, [runs.paced] * 8, 4)  # the first requests of an engine pay for what is made once
    paces, prompts = [], []
    for clients in runs.clients:
        with report.step(f"the pace of {clients} at once"):
            seen = await one_by_one(url, [runs.paced] * (EACH * clients), clients)
        paces.append((clients, median(each.per_token for each in seen)))
    with report.step("prompts of several lengths"):
        for length in runs.prompts:
            seen = await one_by_one(url, [(length, 2)] * EACH, 1)
            prompts.append((length, median(each.first_token for each in seen)))
    return fitted(paces, prompts, runs.clients[-1])
