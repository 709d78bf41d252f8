"""One fleet's account: its decisions and what was seen while they were made, from whichever sources there are.

Sources, each of which may be missing: the status (ten decisions), the memory of the operator that leads (a day, lost
at its restart), and whatever else can give decisions and points for a time.
"""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from llmfleet.api.scaled import AutoscalingStatus, Decision
from llmfleet.core.instant import elapsed
from llmfleet.core.scaling.bounds import bounds
from llmfleet.core.world import Observed


class Told(BaseModel):
    """A part of an account, as JSON in camel case."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class Point(Told):
    """What was seen in a stretch of time: sizes at its end, the most of everything else. Absent is not known."""

    time: str
    """RFC 3339, when the stretch began."""
    wanted: int
    ready: int
    in_flight: float | None = None
    """Requests running and waiting."""
    waiting: float | None = None
    arrivals: float | None = None
    """Requests per second."""
    first_token_seconds: float | None = None
    """At the objective's percentile."""
    output_token_seconds: float | None = None


class Promise(Told):
    """A latency objective."""

    percentile: int
    seconds: float


class Account(Told):
    """Everything that is known."""

    namespace: str
    name: str
    now: str
    wanted: int
    ready: int
    least: int
    """Bounds that hold now, and the schedules that set them."""
    most: int
    least_by: str = ""
    most_by: str = ""
    next_schedule_change: str | None = None
    is_enforced: bool = True
    first_token: Promise | None = None
    output_token: Promise | None = None
    standing: AutoscalingStatus | None = None
    """The decision that holds; None before the first."""
    called_for: int | None = None
    """Replicas that the load alone calls for; None where nobody remembers."""
    decisions: tuple[Decision, ...] = ()
    """Oldest first."""
    points: tuple[Point, ...] = ()
    sources: tuple[str, ...] = ()
    """Where it comes from, and what is missing, in words."""


class NotAutoscaled(ValueError):
    """There is nothing to explain, in words."""


def from_status(observed: Observed, now: str) -> Account:
    """What the object itself tells at ``now``, RFC 3339. NotAutoscaled where its size is not ours."""
    deployment = observed.deployment
    if deployment is None:
        raise NotAutoscaled(f"its spec breaks a rule: {observed.invalid}")
    scaling, standing = deployment.spec.autoscaling, observed.status.autoscaling
    if scaling is None:
        raise NotAutoscaled("it has no spec.autoscaling: its size is spec.replicas, and nobody decides it")
    within, targets = bounds(scaling, now), scaling.targets
    first, output = (
        Promise(percentile=each.percentile, seconds=each.milliseconds / 1000) if each else None
        for each in (targets.time_to_first_token, targets.time_per_output_token)
    )
    return Account(
        namespace=deployment.namespace,
        name=deployment.name,
        now=now,
        wanted=observed.status.desired_replicas or 0,
        ready=observed.status.ready_replicas or 0,
        least=within.least,
        most=within.most,
        least_by=within.least_by,
        most_by=within.most_by,
        next_schedule_change=within.changes,
        is_enforced=scaling.is_enforced,
        first_token=first,
        output_token=output,
        standing=standing,
        decisions=standing.history if standing else (),
        sources=("the last ten decisions of the status",),
    )


def since(account: Account, seconds: float) -> Account:
    """The same account without what is older."""
    decisions = tuple(each for each in account.decisions if elapsed(each.time, account.now) <= seconds)
    points = tuple(each for each in account.points if elapsed(each.time, account.now) <= seconds)
    return account.model_copy(update={"decisions": decisions, "points": points})


def joined(decisions: Iterable[Decision], more: Iterable[Decision]) -> tuple[Decision, ...]:
    """Decisions of two sources, each once, oldest first."""
    found = {(each.time, each.from_, each.to, each.reason): each for each in (*decisions, *more)}
    return tuple(sorted(found.values(), key=lambda each: each.time))
