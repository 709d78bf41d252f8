"""(Policy, Memory, size, tick, now) -> (Decision, Memory): named steps, each number to number with a reason.

Two kinds of target, of which the one that asks for more decides. What users should feel is in ``offered.py``. Queue
depth is here: a replica with room for ``capacity`` requests and a tolerated queue of ``queue_depth`` carries both
together, so ``demand / (capacity + queue_depth)`` replicas keep the queue within its target. Going down asks for more:
the smaller fleet must carry the peak with half the tolerated queue, which is what keeps a constant load silent.
Stable and panic windows are Knative's (serving ``pkg/autoscaler/scaling/autoscaler.go``).
"""

import math
from dataclasses import dataclass, field, replace

from llmfleet.core.scaling import load as summing
from llmfleet.core.scaling import offered
from llmfleet.core.scaling.flow import Flow, Watch
from llmfleet.core.scaling.load import Load, Tick, summarize
from llmfleet.core.scaling.objective import STANDING_LIMITS, Objectives
from llmfleet.core.scaling.rest import Rest
from llmfleet.core.scaling.sample import Sample
from llmfleet.core.scaling.trust import Leave, Trust, trust
from llmfleet.core.scaling.why import Why


@dataclass(frozen=True)
class Policy:
    """What the user and the operator's settings ask for."""

    min_replicas: int
    max_replicas: int
    queue_depth: int | None = None
    """Waiting requests per replica that are acceptable; None when that is no target."""
    max_concurrency: int | None = None
    """Requests one replica runs at once; learned from the busiest pod when absent."""
    objectives: Objectives | None = None
    """What users should feel; None when only the queue is a target."""
    stable_window_seconds: float = 60.0
    panic_window_seconds: float = 6.0
    hold_down_seconds: float = 60.0
    panic_ratio: float = 2.0
    """Wanted over present size at which the short window takes over."""
    idle_seconds: float = math.inf
    """Idle for so long, the fleet goes to zero."""
    awake_seconds: float = 600.0
    """A fleet that was told to wake is kept for so long."""
    max_growth: float = 4.0
    """Most a fleet grows in one decision, as a factor of its size."""
    least_coverage: float = 0.5
    """Fewer heard pods than this is no data."""
    min_by: str = ""
    """The schedule that sets ``min_replicas``; empty where it is the spec."""
    max_by: str = ""


@dataclass(frozen=True)
class Memory:
    """What the decider remembers; ``fresh`` replaces it at any time."""

    started: float
    ticks: tuple[Tick, ...] = ()
    busiest: float = 1.0
    """Most requests one pod has been seen running."""
    panic_until: float = 0.0
    lows: tuple[tuple[float, int], ...] = ()
    """(time, replicas the load called for) over the hold-down window."""
    watch: Watch = field(default_factory=Watch)
    arrivals: offered.History = field(default_factory=offered.History)
    rest: Rest = field(default_factory=Rest)

    @classmethod
    def fresh(cls, now: float) -> "Memory":
        """After a restart: nothing seen, so nothing may shrink before a whole stable window."""
        return cls(started=now, arrivals=offered.History(started=now))


@dataclass(frozen=True)
class Decision:
    """How many replicas, and the numbers that led there."""

    replicas: int
    why: Why
    message: str
    load_seen: bool = True
    trust: Trust = field(default_factory=Trust)
    called_for: int | None = field(default=None, compare=False)
    """What the load alone calls for, whatever zero, wake, bounds and schedules make of it."""


@dataclass(frozen=True)
class Step:
    """One number on the way, with the words that explain it."""

    replicas: int
    why: Why
    said: tuple[str, ...]
    first: int | None = None
    """The number that the way began with; None for this one."""

    @property
    def called(self) -> int:
        """What the load called for before anything kept it from that."""
        return self.replicas if self.first is None else self.first

    def to(self, replicas: int, why: Why, words: str) -> "Step":
        """The next number, or this one again when nothing changed."""
        return self if replicas == self.replicas else Step(replicas, why, (*self.said, words), self.called)


def decide(policy: Policy, memory: Memory, size: int, tick: Tick, now: float) -> tuple[Decision, Memory]:
    """The wanted size and what to remember. ``size`` is the present wanted size, ``now`` in seconds."""
    flow, watch = memory.watch.look(tick.samples, now)
    tick = _without_frozen(watch, tick, now)
    rest = memory.rest.look(tick, size, now, policy.awake_seconds)
    memory = _remember(policy, replace(memory, watch=watch, rest=rest), tick, now)
    panic = summarize(memory.ticks, now, policy.panic_window_seconds)
    load_seen = size == 0 or panic.coverage >= policy.least_coverage
    trusted = trust(tick.samples, needs_counters=policy.objectives is not None)
    called, memory = _called_for(policy, memory, (size, tick, panic), flow, (trusted, now))
    step = _bounded(policy, _rested(policy, rest, called, now))
    return Decision(step.replicas, step.why, "; ".join(step.said), load_seen, trusted, called.called), memory


def _called_for(
    policy: Policy, memory: Memory, seen: tuple[int, Tick, Load], flow: Flow | None, at: tuple[Trust, float]
) -> tuple[Step, Memory]:
    """What the load calls for; the present size where it cannot be told."""
    size, tick, panic = seen
    trusted, now = at
    if size == 0:
        return Step(0, Why.IDLE, ("no replica runs, none was asked for: 0",)), memory
    steps = []
    memory = replace(memory, arrivals=memory.arrivals.hear(tick.startups, size, tick.ready, now))
    if policy.objectives:
        step, memory = _offered(policy.objectives, memory, size, flow, now)
        steps.append(_rate_limited(policy, step, size))
    if panic.coverage < policy.least_coverage:
        seconds = f"{panic.coverage:.0%} within {policy.panic_window_seconds:.0f} s"
        heard = f"{tick.heard} of {tick.ready} ready pods report their load, {seconds}; holding {size}"
        foreseen = steps[0].replicas if steps and flow and flow.is_blind else size
        risen = f"what rose when it was last seen is taken to go on: {foreseen}"
        return Step(size, Why.NO_DATA, (heard,)).to(max(size, foreseen), Why.NO_DATA, risen), memory
    if policy.queue_depth is not None:
        step, memory = _queued(policy, policy.queue_depth, memory, (size, panic), now)
        steps.append(step)
    return _trusted(max(steps, key=lambda each: each.replicas), size, trusted), memory


def _trusted(step: Step, size: int, trusted: Trust) -> Step:
    """What is hardly known moves nothing, what is half known takes nothing away. Said also where nothing would go."""
    if trusted.leave is Leave.HOLD:
        return Step(size, Why.LOW_TRUST, (*step.said, f"{trusted} moves nothing: {size}"), step.called)
    if trusted.leave is Leave.NO_RELEASE and step.replicas <= size:
        return Step(size, Why.LOW_TRUST, (*step.said, f"{trusted} releases nothing: {size}"), step.called)
    return step


def _rested(policy: Policy, rest: Rest, step: Step, now: float) -> Step:
    """Zero once nobody has asked for long enough; no fewer than somebody told to wake."""
    floor, idle = rest.floor(now), rest.idle(now)
    if floor >= step.replicas and (floor > step.replicas or step.why is Why.NO_DATA):
        words = f"told to wake {floor}, kept {rest.awake_until - now:.0f} s from the first ready one on"
        return Step(floor, Why.WOKEN, (*step.said, f"{words}: {floor}"))
    if floor or idle < policy.idle_seconds:
        return step
    return Step(0, Why.IDLE, (f"no request for {idle:.0f} s, as every ready pod says: 0",))


def _without_frozen(watch: Watch, tick: Tick, now: float) -> Tick:
    """A page that stands still is as silent as none."""
    frozen = {each.pod for each in tick.samples if watch.is_frozen(each.pod, now)}
    if not frozen:
        return tick
    return summing.tick(tick.time, [Sample() if each.pod in frozen else each for each in tick.samples])


def _offered(objectives: Objectives, memory: Memory, size: int, flow: Flow | None, now: float) -> tuple[Step, Memory]:
    """What the arrivals call for under the objectives; the reason is what limits a replica."""
    found, kept = offered.wanted(objectives, memory.arrivals, size, flow, now)
    is_told = found.replicas != size or found.limit in STANDING_LIMITS
    why = Why(found.limit) if found.limit and is_told else Why.STEADY
    why = Why.FLAP_BUDGET if found.is_turning else why
    return Step(found.replicas, why, found.said, found.needed), replace(memory, arrivals=kept)


def _queued(
    policy: Policy, queue_depth: int, memory: Memory, seen: tuple[int, Load], now: float
) -> tuple[Step, Memory]:
    """What the queue calls for."""
    size, panic = seen
    stable = summarize(memory.ticks, now, policy.stable_window_seconds)
    room = (float(policy.max_concurrency or memory.busiest), queue_depth)
    step = _wanted(policy, size, stable, panic.coverage, room)
    step, memory = _panicked(policy, memory, step, (size, panic, sum(room)), now)
    if step.replicas > size and (stuck := memory.arrivals.startup.stuck(now)):
        step = step.to(size, Why.NOT_STARTING, offered.not_starting(stuck, size))
    step = _rate_limited(policy, step, size)
    return _held_down(policy, memory, step, size, now)


def _remember(policy: Policy, memory: Memory, tick: Tick, now: float) -> Memory:
    horizon = now - policy.stable_window_seconds
    kept = tuple(each for each in memory.ticks if each.time >= horizon)
    return replace(memory, ticks=(*kept, replace(tick, samples=())), busiest=max(memory.busiest, tick.busiest))


def _wanted(policy: Policy, size: int, load: Load, coverage: float, room: tuple[float, int]) -> Step:
    """What the stable window calls for."""
    capacity, queue_depth = room
    per_replica = capacity + queue_depth
    up = math.ceil(load.demand / per_replica - 1e-9)
    least = capacity + queue_depth / 2
    down = max(1, math.ceil(load.peak / least - 1e-9))
    numbers = (
        f"{load.demand:.1f} requests ({load.waiting:.1f} waiting) over {policy.stable_window_seconds:.0f} s, "
        f"{capacity:.0f} at once + {queue_depth} queued per replica"
    )
    if up > size:
        return Step(up, Why.QUEUE_DEPTH, (f"{numbers}: {up}",))
    if down < size and coverage == 1.0:
        return Step(down, Why.QUEUE_DEPTH, (f"{numbers}: {down} carry the peak of {load.peak:.0f}",))
    return Step(size, Why.STEADY, (f"{numbers}: {size} is right",))


def _panicked(
    policy: Policy, memory: Memory, step: Step, seen: tuple[int, Load, float], now: float
) -> tuple[Step, Memory]:
    """A burst in the short window takes over and forbids shrinking for a stable window."""
    size, load, per_replica = seen
    burst = math.ceil(load.demand / per_replica - 1e-9)
    if burst >= policy.panic_ratio * max(1, size):
        memory = replace(memory, panic_until=now + policy.stable_window_seconds)
    if now >= memory.panic_until:
        return step, memory
    words = f"burst of {load.demand:.1f} requests within {policy.panic_window_seconds:.0f} s: {max(burst, size)}"
    return step.to(max(step.replicas, burst, size), Why.PANIC, words), memory


def _rate_limited(policy: Policy, step: Step, size: int) -> Step:
    """No more than a factor at once: a wrong number must not take the whole cluster."""
    most = math.ceil(max(1, size) * policy.max_growth)
    return step.to(min(step.replicas, most), Why.RATE_LIMITED, f"at most {policy.max_growth:.0f} times {size}: {most}")


def _held_down(policy: Policy, memory: Memory, step: Step, size: int, now: float) -> tuple[Step, Memory]:
    """Shrink only to what sufficed during the whole hold-down time, and never before a stable window was seen."""
    lows = tuple(low for low in memory.lows if now - low[0] <= policy.hold_down_seconds)
    memory = replace(memory, lows=(*lows, (now, step.replicas)))
    if step.replicas >= size:
        return step, memory
    watched = now - memory.started
    if watched < max(policy.stable_window_seconds, policy.hold_down_seconds):
        return step.to(size, Why.HELD_DOWN, f"watched for {watched:.0f} s only: {size}"), memory
    highest = min(size, max(low for _, low in memory.lows))
    words = f"{highest} were called for within {policy.hold_down_seconds:.0f} s: {highest}"
    return step.to(highest, Why.HELD_DOWN, words), memory


def _bounded(policy: Policy, step: Step) -> Step:
    least, most = policy.min_replicas, policy.max_replicas
    if step.replicas < least:
        why, by = (Why.SCHEDULE, f" by schedule {policy.min_by}") if policy.min_by else (Why.MIN_REPLICAS, "")
        return step.to(least, why, f"at least {least}{by}")
    why, by = (Why.SCHEDULE, f" by schedule {policy.max_by}") if policy.max_by else (Why.MAX_REPLICAS, "")
    return step.to(min(step.replicas, most), why, f"at most {most}{by}, {step.replicas - most} blocked")
