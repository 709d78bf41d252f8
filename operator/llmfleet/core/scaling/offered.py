"""Replicas for what is offered: requests per second over what one replica carries, ahead by the time of a start.

Each step turns one number into the next and says why; the words are the chain that a person reads. Replicas that are
starting count as there: what is compared with the wanted size is what was asked for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist

from llmfleet.core.scaling.bursts import REPLAYED_STARTUPS, replayed
from llmfleet.core.scaling.felt import JUDGED_SECONDS, said, well_kept
from llmfleet.core.scaling.flow import Flow, recent
from llmfleet.core.scaling.forecast import Demand, Surges, Trends, demand, rate
from llmfleet.core.scaling.keep import Keep
from llmfleet.core.scaling.latency import StepTime
from llmfleet.core.scaling.objective import Capacity, Limit, Objectives, capacity
from llmfleet.core.scaling.startup import Startup
from llmfleet.core.scaling.work import Work, work

MEMORY_SECONDS = 600.0
ENOUGH_REQUESTS = 200
"""Until so many were seen a reserve is kept."""
RESERVE = 1.25
TAIL, UNKNOWN_TAIL = 1.15, 2.0
"""The slowest requests over the mean at a constant load: prompts of others in between."""
CARE = 0.6
"""Standard deviations kept free for each that the share of well-served requests is away from the mean."""
MOST_SPARE = 0.6
SHORTEST_LIFE = 2.0
"""Seconds."""
SURGE, SURGE_RESERVE = 1.5, 0.8
"""When so many times what is ready is needed, so much more is asked for: starts end one by one, and those that are
ready first would otherwise be overrun."""
UNPROVEN = 0.95
"""Of what has been carried well is relied on; and of what was not, is left."""
PILED = 1.3
"""Requests in a replica over what it should hold at which it is behind."""
DRAIN_SECONDS = 90.0
"""A replica that needs so long to work off what has piled up is no help meanwhile."""
LEAST_CORRECTION, DISTRUST, TRUST = 0.6, 0.99, 1.003
COMPLETE = 0.7
"""With a smaller share of the pods telling, nothing is released."""
ROUNDING = 0.02


@dataclass(frozen=True)
class History:
    """What is remembered between two looks; a fresh one only releases later."""

    started: float = 0.0
    """When watching began, seconds."""
    flows: tuple[Flow, ...] = ()
    time: StepTime | None = None
    startup: Startup = field(default_factory=Startup)
    keep: Keep = field(default_factory=Keep)
    surges: Surges = field(default_factory=Surges)
    trends: Trends = field(default_factory=Trends)
    correction: float = 1.0
    """Measured over reckoned capacity, at most 1."""
    work: Work | None = None
    """The last sizes that enough requests showed."""
    proven: float = 0.0
    """Seconds of the engine that each second's requests of one replica took while what is promised was kept."""
    requests: float = 0.0
    """First tokens seen, all in all."""
    blind: float = -math.inf
    """When too few pods last told."""
    unsettled: float = -math.inf
    """When replicas were last starting or behind."""

    def since(self, now: float) -> Flow | None:
        """What the look at ``now`` showed; None when nothing could be compared."""
        return self.flows[-1] if self.flows and self.flows[-1].time == now else None

    def hear(self, startups: tuple[float, ...], size: int, ready: int, now: float) -> "History":
        """With what pods tell of their starts, seconds, and how many of the wanted size are ready."""
        return replace(self, startup=self.startup.hear(startups).look(size, ready, now))


@dataclass(frozen=True)
class Wanted:
    """What the load calls for."""

    replicas: int
    said: tuple[str, ...]
    limit: Limit | None = None
    """What the number comes from; None when nothing could be told."""
    needed: int | None = None
    """Fewer, where they would do and are not taken yet."""
    is_turning: bool = False
    """Whether that is because the fleet has turned too often."""


def wanted(objectives: Objectives, memory: History, size: int, flow: Flow | None, now: float) -> tuple[Wanted, History]:
    """The wanted size. ``size`` is the present wanted one; ``flow`` is since the last look."""
    if flow is not None:
        memory = _looked(objectives, memory, flow, now)
    if flow is None or flow.is_blind:
        return _unseen(objectives, memory, size, now), memory
    if memory.work is None or memory.time is None:
        return _unknown(objectives, memory, size, now)
    is_known = memory.time.is_known and memory.requests >= ENOUGH_REQUESTS
    engine = memory.time, memory.work
    found = _carried(objectives, memory, engine, is_known=is_known)
    piled = _piled(found, flow)
    if not is_known and not piled:
        return _unknown(objectives, memory, size, now)
    memory = _corrected(objectives, replace(memory, unsettled=now) if piled or size > flow.ready else memory, now)
    coming, memory, doubt = _coming(memory, now)
    needed, words = _needed(objectives, memory, coming, found, flow)
    words = (*said(objectives, memory.flows, now), *doubt, *words)
    paced = _carried(replace(objectives, first_token=None), memory, engine, is_known=is_known)
    seconds = min(MEMORY_SECONDS, REPLAYED_STARTUPS * memory.startup.seconds)
    floor = replayed(objectives, recent(memory.flows, now, seconds), paced.rate, needed)
    if floor > needed:
        words = (*words, f"the bursts of the last {seconds / 60:.0f} min would have needed {floor}")
    present, _ = _needed(objectives, memory, replace(coming, ahead=min(coming.ahead, coming.now)), found, flow)
    memory = replace(memory, keep=memory.keep.look((present, needed, floor), size, now, memory.startup.seconds))
    if floor > size and (stuck := memory.startup.stuck(now)):
        return Wanted(size, (*words, not_starting(stuck, size)), Limit.NOT_STARTING), memory
    if floor >= size:
        return Wanted(floor, words, found.limit), memory
    return _released(memory, (needed, floor, size), (words, found.limit), now)


def not_starting(stuck: int, size: int) -> str:
    """Why nothing is added."""
    return f"{stuck} replicas do not start, more would not: {size}"


def _coming(memory: History, now: float) -> tuple[Demand, History, tuple[str, ...]]:
    """What comes, with surges and trends believed as far as those before them lasted and came."""
    horizon = memory.startup.horizon
    seen = demand(memory.flows, now, horizon)
    memory = replace(memory, surges=memory.surges.look(seen, now), trends=memory.trends.look(seen, now, horizon))
    coming = memory.trends.believed(memory.surges.believed(seen))
    words = f"a rise to {seen.ahead:.1f} is believed by {memory.trends.kept:.0%}, as earlier ones came"
    return coming, memory, (words,) if coming.ahead < seen.ahead else ()


def _carried(objectives: Objectives, memory: History, engine: tuple[StepTime, Work], *, is_known: bool) -> Capacity:
    """What one replica carries, less where little was seen or a promise was not kept."""
    found = capacity(objectives, *engine, TAIL if is_known else UNKNOWN_TAIL)
    return replace(found, rate=found.rate * memory.correction / (1.0 if is_known else RESERVE))


def _unseen(objectives: Objectives, memory: History, size: int, now: float) -> Wanted:
    """Hardly a pod tells: the size stays, and what surely rose when it was last seen is taken to go on for a while."""
    hold = Wanted(size, ("the counters of fewer than half of the pods can be compared with a look before",))
    seen = [each for each in memory.flows if not each.is_blind]
    if not seen or memory.time is None or memory.work is None or not memory.time.is_known:
        return hold
    last = seen[-1].time
    rising = memory.trends.undoubted(demand(seen, last, memory.startup.horizon + now - last))
    if rising.ahead <= rising.now:
        return hold
    found = _carried(objectives, memory, (memory.time, memory.work), is_known=True)
    needed, words = _needed(objectives, memory, rising, found, seen[-1])
    return Wanted(needed, (*hold.said, *words), found.limit) if needed > size else hold


def _unknown(objectives: Objectives, memory: History, size: int, now: float) -> tuple[Wanted, History]:
    """Too little was seen to tell what a replica carries: batches for all that is there, at most one each."""
    most = max(1, math.ceil(max(each.in_flight for each in memory.flows)))
    full = math.ceil(memory.flows[-1].in_flight / objectives.at_once) if objectives.at_once else 0
    words = (f"too little seen yet to tell what a replica carries; at most {most} requests at once",)
    if full <= size <= most:
        return Wanted(size, words), memory
    wanted = max(full, min(most, size))
    memory = replace(memory, keep=memory.keep.look((wanted, wanted, wanted), size, now, memory.startup.seconds))
    if full > size:
        return Wanted(full, (*words, f"now as many as fill {full} batches of {objectives.at_once}"), Limit.BUSY), memory
    return _released(memory, (most, most, size), (words, Limit.BUSY), now)


def _looked(objectives: Objectives, memory: History, flow: Flow, now: float) -> History:
    flows = (*_aged(recent(memory.flows, now, MEMORY_SECONDS), now), replace(flow, pods=()))
    is_blind = not flow.told or flow.told < COMPLETE * (flow.told + flow.silent)
    time = memory.time or StepTime.unknown(objectives.pace)
    return replace(
        memory,
        flows=flows,
        time=time.learn(flow.pods),
        work=work(flows, now) or memory.work,
        requests=memory.requests + flow.requests,
        blind=now if is_blind else memory.blind,
    )


def _aged(flows: Sequence[Flow], now: float) -> Sequence[Flow]:
    """Those that are not judged any more lose their buckets; the oldest have lost them already."""
    old = len(flows) - len(recent(flows, now, JUDGED_SECONDS))
    begin = old
    while begin and flows[begin - 1].has_buckets:
        begin -= 1
    return (*flows[:begin], *(each.aged() for each in flows[begin:old]), *flows[old:])


def _needed(
    objectives: Objectives, memory: History, coming: Demand, found: Capacity, flow: Flow
) -> tuple[int, tuple[str, ...]]:
    spare = _spare(objectives, memory, coming)
    base = max((1 + spare) * coming.ahead, coming.now) / found.rate
    if (shown := _shown(memory)) * base > coming.ahead:
        base = max(coming.ahead, coming.now) / shown
    behind = min(_behind(memory, coming, found, flow), base + 1)
    words = [
        f"{coming.now:.1f} requests/s now, {coming.ahead:.1f} in {memory.startup.horizon:.0f} s",
        f"{found.rate:.2f} per replica at {found.said}",
        f"{spare:.0%} spare: {base:.1f}",
    ]
    if coming.now > SURGE * flow.ready * found.rate:
        base *= 1 + SURGE_RESERVE * memory.surges.lasting
        words.append(f"more than is ready, starts end one by one: {base:.1f}")
    if behind:
        words.append(f"{behind:.1f} work off what has piled up")
    needed = max(1, math.ceil(base + behind - ROUNDING))
    return needed, (*words, f"{needed}")


def _spare(objectives: Objectives, memory: History, coming: Demand) -> float:
    """Room for chance: how far the work that comes within the life of a request strays from its mean.

    Arrivals stray by their clumping and by sizes that vary as much as they are long. The whole fleet shares it, so a
    large one needs less.
    """
    output = memory.work.output if memory.work else 1.0
    patience = objectives.first_token.seconds if objectives.first_token else 0.0
    life = max(SHORTEST_LIFE, output * objectives.pace / 2 + patience)
    stray = math.sqrt((coming.clumping + 1.0) / max(1.0, coming.ahead * life))
    return min(MOST_SPARE, CARE * NormalDist().inv_cdf(objectives.share) * stray)


def _piled(found: Capacity, flow: Flow) -> list[float]:
    """Requests in each replica beyond what it should hold; nothing when that is not much."""
    piled = [max(0.0, each.in_flight - PILED * found.in_flight) for each in flow.pods]
    return piled if sum(piled) >= found.in_flight / 2 else []


def _behind(memory: History, coming: Demand, found: Capacity, flow: Flow) -> float:
    """Replicas that are lost to new requests because they work off what has piled up in them."""
    growing = max(0.0, coming.minute / flow.ready - found.rate) * memory.startup.next_ready(flow.time)
    piled = _piled(found, flow)
    return sum(min(1.0, (each + growing) / (found.rate * DRAIN_SECONDS)) for each in piled if each)


def _corrected(objectives: Objectives, memory: History, now: float) -> History:
    """Capacity that did not keep its promise is believed less; only judged when nothing else explains it."""
    if now - memory.unsettled < JUDGED_SECONDS:
        return memory
    well = well_kept(objectives, memory.flows, now)
    changed = memory.correction * (TRUST if well >= 1.0 else DISTRUST)
    memory = replace(memory, correction=min(1.0, max(LEAST_CORRECTION, changed)))
    carried = rate(memory.flows, now, JUDGED_SECONDS) / max(each.ready for each in memory.flows) * _seconds(memory)
    proven = max(memory.proven, carried) if well >= 1.0 else min(memory.proven, UNPROVEN * carried)
    return replace(memory, proven=proven)


def _seconds(memory: History) -> float:
    """What one request takes of the engine; 0 while that is not known."""
    if memory.time is None or memory.work is None:
        return 0.0
    return memory.work.prompt * memory.time.prompt_token + memory.work.output * memory.time.sequence


def _shown(memory: History) -> float:
    """Requests per second that a replica has been seen to carry well, a little less; 0 before any was."""
    seconds = _seconds(memory)
    return UNPROVEN * memory.proven / seconds if seconds else 0.0


def _released(
    memory: History, sizes: tuple[int, int, int], told: tuple[tuple[str, ...], Limit], now: float
) -> tuple[Wanted, History]:
    needed, floor, size = sizes
    words, limit = told
    shortest = 2 * memory.startup.seconds
    if now - max(memory.blind, memory.started) < shortest:
        said = f"all pods told their load for less than {shortest:.0f} s: {size}"
        return Wanted(size, (*words, said), limit, floor), memory
    found, keep = memory.keep.release(needed, floor, size, now)
    wanted = Wanted(found.size, (*words, found.said), limit, floor, found.is_turning)
    return wanted, replace(memory, keep=keep)
