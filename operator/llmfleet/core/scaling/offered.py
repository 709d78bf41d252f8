"""Replicas for what is offered: requests per second over what one replica carries, ahead by the time of a start.

Each step turns one number into the next and says why; the words are the chain that a person reads.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from llmfleet.core.scaling.flow import Flow, Spread, Watch, joined
from llmfleet.core.scaling.forecast import Demand, demand
from llmfleet.core.scaling.keep import Keep
from llmfleet.core.scaling.latency import StepTime
from llmfleet.core.scaling.objective import Capacity, Objective, Objectives, Work, capacity
from llmfleet.core.scaling.sample import Sample
from llmfleet.core.scaling.startup import Startup

MEMORY_SECONDS = 300.0
FEWEST_REQUESTS = 20
"""Fewer say nothing about sizes."""
ENOUGH_REQUESTS = 200
"""Until so many were seen a reserve is kept."""
RESERVE = 1.25
USUAL_PACE = 0.1
"""Seconds per token that are assumed to be promised when only the first token or the cache is."""
TAIL = 1.15
"""The slowest requests over the mean at a constant load: prompts of others in between."""
UNKNOWN_TAIL = 2.0
DRAIN_SECONDS = 90.0
"""A backlog is to be gone so long after help has come."""
MOST_CLUMPING_MARGIN = 0.6
COMPLETE = 0.7
"""With a smaller share of the pods telling, nothing is released."""


@dataclass(frozen=True)
class Memory:
    """What is remembered between two looks; a fresh one only releases later."""

    started: float
    watch: Watch = field(default_factory=Watch)
    flows: tuple[Flow, ...] = ()
    time: StepTime | None = None
    startup: Startup = field(default_factory=Startup)
    keep: Keep = field(default_factory=Keep)
    correction: float = 1.0
    """Measured over promised capacity, at most 1."""
    work: Work | None = None
    """The last sizes that enough requests showed."""
    requests: float = 0.0
    """First tokens seen, all in all."""
    blind: float = 0.0
    """When too few pods last told."""


@dataclass(frozen=True)
class Size:
    """What the load calls for."""

    replicas: int
    needed: int
    """Before what is kept."""
    said: tuple[str, ...]
    is_seen: bool


def size_for(
    objectives: Objectives, memory: Memory, size: int, samples: Sequence[Sample], now: float
) -> tuple[Size, Memory]:
    """The wanted size. ``size`` is the present wanted one, ``samples`` are of its ready pods, ``now`` in seconds."""
    memory, flow = _looked(objectives, memory, size, samples, now)
    if flow is None or not flow.told or memory.work is None or memory.time is None:
        return Size(size, size, (f"nothing to decide on yet: {size}",), is_seen=flow is not None and flow.told > 0), memory
    found, margin = _carried(objectives, memory)
    memory = _corrected(objectives, memory, now, size > flow.ready)
    coming = demand(memory.flows, now, memory.startup.horizon)
    raw, words = _replicas(memory, coming, found, margin, flow)
    memory = replace(memory, keep=memory.keep.look(raw, size, now, memory.startup.seconds))
    if raw >= size:
        return Size(raw, raw, words, is_seen=True), memory
    return _released(memory, (raw, size), flow, words, now)


def _looked(
    objectives: Objectives, memory: Memory, size: int, samples: Sequence[Sample], now: float
) -> tuple[Memory, Flow | None]:
    flow, watch = memory.watch.look(samples, now)
    pace = objectives.output_token.seconds if objectives.output_token else USUAL_PACE
    time = memory.time or StepTime.unknown(pace)
    memory = replace(memory, watch=watch, time=time, startup=memory.startup.look(size, len(samples), now))
    if flow is None:
        return memory, None
    flows = (*(each for each in memory.flows if now - each.time < MEMORY_SECONDS), flow)
    is_blind = flow.told < COMPLETE * (flow.told + flow.silent) or not flow.told
    return replace(
        memory,
        flows=flows,
        time=time.learn(flow.pods),
        work=_work(flows, now) or memory.work,
        requests=memory.requests + flow.requests,
        blind=now if is_blind else memory.blind,
    ), flow


def _work(flows: Sequence[Flow], now: float) -> Work | None:
    """Mean sizes over the shortest of three windows that holds enough requests."""
    for window in (60.0, 120.0, MEMORY_SECONDS):
        within = [each for each in flows if now - each.time < window]
        requests = sum(each.requests for each in within)
        if requests >= FEWEST_REQUESTS * (1 if window == MEMORY_SECONDS else 10):
            shares = [each.kv_per_request for each in within if each.kv_per_request]
            cache = sum(shares) / len(shares) if shares else None
            prompted, tokens = sum(each.prompted for each in within), sum(each.tokens for each in within)
            return Work(max(1.0, prompted / requests), max(1.0, tokens / requests), cache)
    return None


def _carried(objectives: Objectives, memory: Memory) -> tuple[Capacity, float]:
    """What one replica carries, and the reserve for what is not known yet."""
    assert memory.time is not None
    assert memory.work is not None
    is_known = memory.time.is_known and memory.requests >= ENOUGH_REQUESTS
    found = capacity(objectives, memory.time, memory.work, TAIL if is_known else UNKNOWN_TAIL)
    return replace(found, rate=found.rate * memory.correction), 1.0 if is_known else RESERVE


def _replicas(
    memory: Memory, coming: Demand, found: Capacity, margin: float, flow: Flow
) -> tuple[int, tuple[str, ...]]:
    z = 1.7
    window = 12.0
    noise = math.sqrt((coming.clumping + 1.0) / max(1.0, coming.ahead * window))
    spare = min(MOST_CLUMPING_MARGIN, z * noise)
    ahead = margin * (1 + spare) * coming.ahead / found.rate
    at_once = margin * coming.now / found.rate
    base = max(ahead, at_once)
    room = flow.ready * found.in_flight * 1.2
    missing = min(memory.startup.seconds, 120.0)
    backlog = max(0.0, flow.in_flight - room)
    if backlog:
        backlog += max(0.0, coming.now - 0.95 * flow.ready * found.rate) * missing
    extra = min(backlog / (found.rate * DRAIN_SECONDS), 0.5 * base + 1)
    words = (
        f"{coming.now:.1f} requests/s, {coming.ahead:.1f} in {memory.startup.horizon:.0f} s",
        f"{found.rate:.2f} requests/s per replica ({found.limit}) + {spare:.0%} for clumps",
        f"{backlog:.0f} requests behind: {base:.1f} + {extra:.1f}",
    )
    return max(1, math.ceil(base + extra - 0.02)), words


def _corrected(objectives: Objectives, memory: Memory, now: float, is_starting: bool) -> Memory:
    """Capacity that did not keep its promise is believed less; only judged when nothing else explains it."""
    recent = [each for each in memory.flows if now - each.time < 60.0]
    well = 1.0
    for promised, spreads in (
        (objectives.first_token, [each.first_token for each in recent]),
        (objectives.output_token, [each.request_token for each in recent]),
    ):
        if promised:
            well = min(well, _well(promised, joined(spreads)))
    if is_starting:
        return memory
    if well < 1.0:
        return replace(memory, correction=max(0.6, memory.correction * 0.99))
    return replace(memory, correction=min(1.0, memory.correction * 1.003))


def _well(promised: Objective, seen: Spread) -> float:
    """Share of the promise that was kept, 1 and more when it was."""
    if not seen.bounds or seen.count < FEWEST_REQUESTS:
        return 1.0
    return seen.within(promised.seconds) / seen.count / promised.share


def _released(
    memory: Memory, sizes: tuple[int, int], flow: Flow, words: tuple[str, ...], now: float
) -> tuple[Size, Memory]:
    raw, size = sizes
    words = (*words, f"{raw}")
    wait = max(120.0, 2 * memory.startup.seconds)
    if now - memory.blind < wait or now - memory.started < wait:
        return Size(size, raw, (*words, f"not all pods tell their load long enough to release: {size}"), True), memory
    after, due, keep = memory.keep.release(raw, size, now)
    said = f"kept {due - now:.0f} s longer: {size}" if after == size else f"not needed for long: {after}"
    return Size(after, raw, (*words, said), True), replace(memory, keep=keep)
