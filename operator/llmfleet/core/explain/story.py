"""An account as a story: what happened, oldest first, then what holds now, why, and what would change it."""

from collections.abc import Iterator

from llmfleet.api.scaled import Decision
from llmfleet.core.explain.account import Account
from llmfleet.core.instant import elapsed
from llmfleet.core.scaling.why import MEANINGS, Why

HOUR = 3600
INDENT = "    "


def story(account: Account, seconds: float) -> str:
    """All of it, for a person; the account has what is known of the last ``seconds``."""
    return "\n".join((*_history(account, seconds), "", *_standing(account), "", *_sources(account)))


def _history(account: Account, seconds: float) -> Iterator[str]:
    counted = f"{len(account.decisions)} decision{'' if len(account.decisions) == 1 else 's'}"
    yield f"{account.namespace}/{account.name}: {counted} in the last {span(seconds)}"
    for each in account.decisions:
        yield ""
        yield f"  {_clock(each.time, account.now)}  {_change(each)}  {each.reason}"
        yield from _chain(each.message)
    if not account.decisions:
        yield "  The size was never changed, and nothing kept it from what the load called for."


def _change(decision: Decision) -> str:
    if decision.from_ == decision.to:
        return f"stays {decision.to}"
    return f"{decision.from_} → {decision.to}"


def _chain(message: str) -> Iterator[str]:
    """The numbers, each with an arrow from the one before."""
    first, *rest = [part.strip() for part in message.split(";") if part.strip()] or ["no numbers were kept"]
    yield f"{INDENT}  {first}"
    yield from (f"{INDENT}→ {each}" for each in rest)


def _standing(account: Account) -> Iterator[str]:
    held = account.standing
    wanted, ready = (_counted(each) for each in (account.wanted, account.ready))
    if held is None:
        yield f"Now: {wanted} wanted, {ready} ready; nothing is decided yet."
        return
    observed = "" if account.is_enforced else "; mode is Observe, so that only spec.replicas counts"
    yield f"Now: {wanted} wanted, {ready} ready, for {span(elapsed(held.since, account.now))}{observed}"
    limited = f", while the load calls for {account.called_for}" if _is_kept(account) else ""
    yield f"  {held.reason}{limited}: {MEANINGS.get(_why(held.reason), '')}".rstrip(": ")
    yield from _chain(held.message)
    yield f"  Bounds: {account.least}{_by(account.least_by)} to {account.most}{_by(account.most_by)}{_next(account)}"
    yield "  What would change it:"
    yield from (f"{INDENT}- {each}" for each in counterfactuals(account))


def _is_kept(account: Account) -> bool:
    held = account.standing
    return held is not None and account.called_for is not None and account.called_for != held.desired


def counterfactuals(account: Account) -> tuple[str, ...]:
    """What would make another size of it, nearest first."""
    held = account.standing
    if held is None:
        return ()
    called = _counted(account.called_for) if account.called_for is not None else "what the load calls for"
    object_ = f"{account.name} -n {account.namespace}"
    most = f"schedule {account.most_by}" if account.most_by else "autoscaling.maxReplicas"
    least = f"schedule {account.least_by}" if account.least_by else "autoscaling.minReplicas"
    at_most = held.desired >= account.most
    told = {
        Why.MAX_REPLICAS: (f"raising {most} above {account.most}: the load calls for {called}",),
        Why.MIN_REPLICAS: (f"lowering {least} below {account.least}: the load calls for {called}",),
        Why.SCHEDULE: (f"the end of {most if at_most else least}, or another bound: the load calls for {called}",),
        Why.IDLE: (f"a call: llmfleet wake {object_}", "a schedule with minReplicas; not a request, it is refused"),
        Why.WOKEN: ("load, at once; or nobody asking anything for scaleToZeroAfterSeconds once a replica is ready",),
        Why.NO_DATA: (
            f"pods that answer: kubectl get pods -l llmfleet.io/deployment={account.name} -n {account.namespace}",
            "until half of the ready pods tell their load, only minReplicas, schedules and wake move the size",
        ),
        Why.HELD_DOWN: ("time: the smaller size must have sufficed for the whole hold-down time",),
        Why.FLAP_BUDGET: (f"time: an hour after the first of the last turns it shrinks towards {called}",),
        Why.OBJECTIVE_UNREACHABLE: (
            f"a target above what the engine takes alone, or a quicker GPU: the load calls for {called}",
        ),
        Why.NOT_STARTING: (
            f"pods that become ready: kubectl describe llmdeployment {object_}; the load calls for {called}",
        ),
        Why.RATE_LIMITED: (f"the next look: it goes on towards {called}",),
        Why.LOW_TRUST: (f"pods that tell their load, fresh and under known names: then it goes on towards {called}",),
        Why.SOURCE_UNKNOWN: (f"a metricsSourceName that the operator knows: then it goes on towards {called}",),
        Why.SOURCE_UNAVAILABLE: (f"a metrics source that answers: then it goes on towards {called}",),
        Why.PANIC: ("more load; fewer replicas only a stable window after the burst",),
    }
    usual = ("more load than these replicas carry, as reckoned above; less load for longer than they are kept",)
    return (*told.get(_why(held.reason), usual), *_next_schedule(account))


def _next_schedule(account: Account) -> tuple[str, ...]:
    at = account.next_schedule_change
    return (f"the schedules at {at}",) if at else ()


def _why(reason: str) -> Why:
    return next((each for each in Why if each == reason), Why.STEADY)


def _sources(account: Account) -> Iterator[str]:
    yield f"From {' and '.join(account.sources)}."


def _counted(replicas: int) -> str:
    return f"{replicas} replica{'' if replicas == 1 else 's'}"


def _by(schedule: str) -> str:
    return f" (schedule {schedule})" if schedule else ""


def _next(account: Account) -> str:
    return f", next changed at {account.next_schedule_change}" if account.next_schedule_change else ""


def _clock(time: str, now: str) -> str:
    """The hour within a day, with the date before it."""
    return f"{time[11:19]}Z" if time[:10] == now[:10] else f"{time[:10]} {time[11:19]}Z"


def span(seconds: float) -> str:
    """A length of time in its two largest units."""
    rest, parts = round(seconds), []
    for size, unit in ((86_400, "d"), (HOUR, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
