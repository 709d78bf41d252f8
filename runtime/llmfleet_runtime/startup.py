"""The phases of a pod's start that the pod itself can time; scheduling and image pull are seen from outside."""

import re
from dataclasses import dataclass

from .contract import StartupPhases

DOWNLOADED = re.compile(r"Time spent downloading weights for .*?: ([\d.]+) seconds")
"""vllm/model_executor/model_loader/weight_utils.py; only said where something was fetched."""


@dataclass(frozen=True)
class Marks:
    """Unix seconds at which the phases of one start ended."""

    began: float
    """The launcher's own first line."""
    engine_started: float
    healthy: float
    ready: float


def phases(marks: Marks, output: str) -> StartupPhases:
    """Split a start that is over; ``output`` is what the engine wrote meanwhile, or its end."""
    loading = max(0.0, marks.healthy - marks.engine_started)
    fetched = min(loading, sum(float(seconds) for seconds in DOWNLOADED.findall(output)))
    return StartupPhases(
        download=_rounded(marks.engine_started - marks.began + fetched),
        load=_rounded(loading - fetched),
        warm_up=_rounded(marks.ready - marks.healthy),
    )


def _rounded(seconds: float) -> float:
    """Clocks may be set back."""
    return round(max(0.0, seconds), 1)
