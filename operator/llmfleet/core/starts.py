"""How long starts take: each pod's phases as Kubernetes and the pod tell them, and percentiles over the last ten."""

import math
from collections.abc import Iterable

from llmfleet.api.status import Start, StartupPhases, StartupStatus
from llmfleet.core.pods import PodView
from llmfleet.core.world import Observed, Report

KEPT = 10
PATIENCE = 3
"""A start may take so many times as long as the slowest before it is given up."""
MOST_PATIENCE = 86_400
"""As lifecycle.startupTimeoutSeconds has it."""
MOST_SECONDS = 86_400.0
"""A phase that claims more is a clock's fault."""


def fold(observed: Observed, revision: str) -> StartupStatus | None:
    """What is on record, with the ready pods of this revision that are not; another revision's starts are forgotten."""
    past = observed.status.startup
    known = past.recent if past and past.revision == revision else ()
    seen = {each.pod for each in known}
    ready = [pod for pod in observed.staying(revision) if pod.is_ready and pod.name not in seen]
    new = [start for pod in ready if (start := _start(pod, observed.reports.get(pod.uid)))]
    if not revision or not new:
        return past
    return _summed(revision, (*known, *sorted(new, key=lambda each: -each.seconds))[-KEPT:])


def patience(past: StartupStatus | None) -> int:
    """Seconds that a container of a new revision may take to start, by the slowest on record; 0 without any."""
    slowest = max((_in_container(each.phases) for each in past.recent), default=0) if past else 0
    return min(MOST_PATIENCE, PATIENCE * slowest)


def _in_container(phases: StartupPhases) -> int:
    return phases.download + phases.load + phases.warm_up


def added(past: StartupStatus | None, present: StartupStatus | None) -> tuple[Start, ...]:
    """The starts that went on record between two statuses."""
    known = {each.pod for each in past.recent} if past else set()
    return tuple(each for each in (present.recent if present else ()) if each.pod not in known)


def _start(pod: PodView, report: Report | None) -> Start | None:
    """One pod's start; None where a part of it is not known, or the container has started again since."""
    told = report.status.startup if report and report.status else None
    if pod.arrival is None or told is None:
        return None
    seconds = (*pod.arrival, told.download, told.load, told.warm_up)
    if not all(0 <= each <= MOST_SECONDS for each in seconds):
        return None
    schedule, pull, download, load, warm_up = (round(each) for each in seconds)
    return Start(
        pod=pod.name,
        seconds=round(sum(seconds)),
        phases=StartupPhases(schedule=schedule, pull=pull, download=download, load=load, warm_up=warm_up),
    )


def _summed(revision: str, recent: tuple[Start, ...]) -> StartupStatus:
    names = StartupPhases.model_fields
    medians = {name: _percentile((getattr(each.phases, name) for each in recent), 0.5) for name in names}
    totals = [each.seconds for each in recent]
    return StartupStatus(
        revision=revision,
        p50_seconds=_percentile(totals, 0.5),
        p90_seconds=_percentile(totals, 0.9),
        phases=StartupPhases(**medians),
        recent=recent,
    )


def _percentile(values: Iterable[int], share: float) -> int:
    """The smallest value that so large a share does not exceed."""
    ranked = sorted(values)
    return ranked[math.ceil(share * len(ranked)) - 1]
