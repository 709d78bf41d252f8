"""What a PromQL server kept of a fleet, as points and decisions of an account.

The load is what the decider sees in the points of the pods, look by look. Why a size was chosen no server knows: of a
change it has the sizes and, by the operator's counter, the rule. Its numbers only status and operator have.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from llmfleet.api.scaled import Decision
from llmfleet.core.explain.account import Account, Point, Promise
from llmfleet.core.explain.ring import Ring, clock, point
from llmfleet.core.explain.seen import Seen, seen
from llmfleet.core.scaling.felt import JUDGED_SECONDS
from llmfleet.core.scaling.flow import Flow, Watch, recent
from llmfleet.core.scaling.load import tick
from llmfleet.core.scaling.objective import Objective, Objectives
from llmfleet.core.scaling.recorded import SIZE, Look, looks, sizes, standing
from llmfleet.core.scaling.series import Points, Scrape

READY, COUNTED = "llmfleet_ready_replicas", "llmfleet_scaling_decisions_total"
OPERATORS = (SIZE, READY, COUNTED)
"""Series of the operator that are asked for, each of one fleet."""
MOST_POINTS = 720
UNKNOWN = "Unknown"
"""The rule of a change that no decision of the operator goes with."""
NO_NUMBERS = "its numbers were not kept: llmfleet replay reckons them anew"


@dataclass(frozen=True)
class Kept:
    """Everything that a server has of one fleet in a time."""

    pods: Sequence[Points]
    operator: Sequence[Points]
    scrape: Scrape

    def named(self, metric: str) -> list[Points]:
        """One of the operator's series, of each of its replicas."""
        return [each for each in self.operator if each.labels.get("__name__") == metric]

    @property
    def span(self) -> tuple[float, float] | None:
        """Unix times of the first point and of the last; None without any."""
        ends = [
            end for each in (*self.pods, *self.operator) if each.values for end in (each.values[0], each.values[-1])
        ]
        return (min(ends)[0], max(ends)[0]) if ends else None


def completed(account: Account, kept: Kept, seconds: float, server: str) -> Account:
    """The account with what it did not know yet of the last ``seconds``, and words on what comes from ``server``."""
    if kept.span is None:
        return said(account, f"nothing of {server}, which knows neither pods nor sizes of the fleet by these labels")
    first = account.points[0].time if account.points else None
    points = [each for each in _points(account, kept, kept.span, seconds) if first is None or each.time < first]
    known = min((each.time for each in account.decisions), default=None)
    decisions = [each for each in _changes(kept) if known is None or each.time < known]
    found = account.model_copy(
        update={"points": (*points, *account.points), "decisions": (*decisions, *account.decisions)}
    )
    begin, end = map(clock, kept.span)
    told = f"{_counted(points, 'point')} and {_counted(decisions, 'change')} of size"
    return said(found, f"what {server} kept from {begin} to {end}: {told}{_missing(kept)}")


def said(account: Account, words: str) -> Account:
    """The account with words on one more source."""
    return account.model_copy(update={"sources": (*account.sources, words)})


def _counted(things: Sequence[object], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def _missing(kept: Kept) -> str:
    if not kept.pods:
        return ", of the operator only, so that no load is known"
    return "" if kept.named(SIZE) else ", of pods only, so that each size is the number of pods"


def _points(account: Account, kept: Kept, span: tuple[float, float], seconds: float) -> Iterator[Point]:
    """At most so many as a chart shows: of each stretch the last sizes and the most of the rest."""
    ring = Ring(math.ceil(max(kept.scrape.interval, seconds / MOST_POINTS)), MOST_POINTS)
    begin = datetime.fromisoformat(account.now).timestamp() - seconds
    for time, each in _looks(account, kept, (max(span[0], begin - JUDGED_SECONDS), span[1])):
        if time >= begin:
            ring.note(time - begin, each)
    return (point(begin + offset, each) for offset, each in ring.rows())


def _looks(account: Account, kept: Kept, span: tuple[float, float]) -> Iterator[tuple[float, Seen]]:
    """What the operator would have noted, one look each interval; latencies are of the seconds before."""
    watch, flows = Watch(), tuple[Flow, ...]()
    objectives, ready = _objectives(account), sizes(kept.named(READY))
    for look in looks(kept.pods, sizes(kept.named(SIZE)), kept.scrape, span):
        flow, watch = watch.look(look.samples, look.time)
        flows = (*recent(flows, look.time, JUDGED_SECONDS), *((flow,) if flow else ()))
        found = seen(tick(look.time, look.samples), look.size, flows, objectives)
        yield look.time, _believed(look, found._replace(ready=standing(ready, look.time, len(look.samples))))


def _believed(look: Look, found: Seen) -> Seen:
    """Where replicas are wanted and no pod is read, nobody knows the load: it is not zero."""
    return found if look.samples or not look.size else Seen(found.wanted, found.ready)


def _objectives(account: Account) -> Objectives | None:
    found = Objectives(_objective(account.first_token), _objective(account.output_token))
    return None if found == Objectives() else found


def _objective(promised: Promise | None) -> Objective | None:
    return Objective(promised.percentile / 100, promised.seconds) if promised else None


def _changes(kept: Kept) -> Iterator[Decision]:
    """Each other size, with the last rule that was counted since the change before."""
    known = sizes(kept.named(SIZE))
    begin = known[0][0] if known else math.inf
    counted = sorted(
        (time, each.labels.get("reason", UNKNOWN)) for each in kept.named(COUNTED) for time in _rises(each, begin)
    )
    past = -math.inf
    for (_, before), (time, after) in pairwise(known):
        if after != before:
            reason = next((why for at, why in reversed(counted) if past < at <= time), UNKNOWN)
            yield Decision(time=clock(time), from_=round(before), to=round(after), reason=reason, message=NO_NUMBERS)
            past = time


def _rises(counter: Points, begin: float) -> Iterator[float]:
    """When it counted. A counter begins with its first count, so that a first point after ``begin`` is one."""
    if counter.values and counter.values[0][0] > begin:
        yield counter.values[0][0]
    yield from (time for (_, before), (time, after) in pairwise(counter.values) if after != before)
