"""Counters of the pods over time -> what came and how fast it was answered, between two looks.

A pod whose counters fell or whose engine is another one says nothing at that look; neither does one whose page stands
still while it claims to work. What a silent pod carries is what it last carried, or the mean of the others if that is
more: it counts as busy, never as room.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter, le, sub

from llmfleet.core.scaling.sample import Latencies, Sample

FROZEN_SECONDS = 10.0
"""An engine that works moves a counter in this time; an idle one gets older."""
SHORTEST_LOOK_SECONDS = 0.05
HALF = 0.5
"""Of an observation: what may be beyond a bucket that holds all."""
LEAST_TOLD = 0.5
_TIME = attrgetter("time")
MOST_TURNOVER, TURNOVER_FLOOR = 4.0, 64.0
"""The batch may have been so much larger between two looks than at either of them."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Observations between two looks, by bucket."""

    sum: float = 0.0
    count: float = 0.0
    bounds: tuple[float, ...] = ()
    upto: tuple[float, ...] = ()

    def within(self, limit: float) -> float:
        """How many observations were at most ``limit``. Needs buckets.

        Within a bucket the tail falls exponentially, as that of a queue does: a straight line would put slow answers
        into the upper half of a wide bucket that holds none.
        """
        low, below = 0.0, 0.0
        for bound, upto in zip(self.bounds, self.upto, strict=True):
            if bound >= limit:
                before, after = self.count - below, max(HALF, self.count - upto)
                share = (limit - low) / (bound - low)
                return self.count - before * (after / before) ** share if before > after else upto
            low, below = bound, upto
        return below

    def aged(self) -> "Spread":
        """The same without buckets."""
        return Spread(self.sum, self.count)

    def quantile(self, share: float) -> float | None:
        """The value that this share of the observations does not exceed; None without buckets or observations."""
        if not self.bounds or self.count <= 0:
            return None
        low, below, wanted = 0.0, 0.0, share * self.count
        for bound, upto in zip(self.bounds, self.upto, strict=True):
            if upto >= wanted and upto > below:
                return low + (bound - low) * (wanted - below) / (upto - below)
            low, below = bound, upto
        return self.bounds[-1]


@dataclass(frozen=True, slots=True)
class PodFlow:
    """One pod between two looks."""

    seconds: float
    """Since the page that this one is compared with."""
    arrivals: float
    """Requests per second: first tokens, and what the queue grew by."""
    prompts: float
    """Prompt tokens computed per second."""
    decoding: float
    """Mean sequences between their first token and their last: the time between tokens, summed up per second."""
    running: float
    """Requests in the batch at the end."""
    in_flight: float
    """Those and the ones that wait."""
    kv_cache_usage: float | None
    token_seconds: float | None
    """Mean time from token to token; None when there were none."""
    tokens: float
    """Output tokens, first ones too."""
    first_token: Spread
    request_token: Spread


@dataclass(frozen=True, slots=True)
class Flow:
    """The fleet between two looks."""

    time: float
    seconds: float
    """Since the look before."""
    ready: int
    told: int
    """Pods whose counters could be compared."""
    silent: int
    """Pods of which the load is estimated; the rest are new."""
    arrivals: float
    """Requests per second, silent pods estimated."""
    requests: float
    """First tokens that were counted."""
    prompted: float
    """Prompt tokens that were counted."""
    tokens: float
    """Output tokens that were counted."""
    in_flight: float
    """Requests running and waiting."""
    kv_per_request: float | None
    """Share of one cache that a running request takes."""
    first_token: Spread
    request_token: Spread
    pods: tuple[PodFlow, ...] = ()

    @property
    def is_blind(self) -> bool:
        """Whether fewer than half of the pods told."""
        return not self.told or self.told < LEAST_TOLD * (self.told + self.silent)

    @property
    def has_buckets(self) -> bool:
        """Whether it is not aged."""
        return bool(self.first_token.bounds or self.request_token.bounds)

    def aged(self) -> "Flow":
        """The same without buckets: a thousand fleets are remembered."""
        return replace(self, first_token=self.first_token.aged(), request_token=self.request_token.aged())


def recent(flows: Sequence[Flow], now: float, seconds: float) -> Sequence[Flow]:
    """Those of the last ``seconds`` before ``now``; ``flows`` ascend in time."""
    begin = bisect_right(flows, now - seconds, key=_TIME)
    end = len(flows) if not flows or flows[-1].time <= now else bisect_right(flows, now, key=_TIME)
    return flows[begin:end]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of one pod."""

    time: float
    sample: Sample
    moved: float
    """When its page last changed."""
    flow: PodFlow | None = None
    """The last one there was."""
    is_told: bool = False
    """Whether it is of the last look."""
    is_new: bool = False


@dataclass(frozen=True)
class Watch:
    """What is remembered of the pods between two looks."""

    time: float | None = None
    pods: Mapping[str, Seen] = field(default_factory=dict)

    def look(self, samples: Sequence[Sample], now: float) -> tuple[Flow | None, "Watch"]:
        """What happened since the last look; None at the first one. ``now`` only grows; a pod is known by its name."""
        seen = {each.pod: _seen(self.pods.get(each.pod), each, now) for each in samples if each.pod}
        watch = Watch(now, seen)
        if self.time is None or now - self.time < SHORTEST_LOOK_SECONDS:
            return None, watch
        return _flow(tuple(seen.values()), samples, (self.time, now)), watch

    def is_frozen(self, pod: str, now: float) -> bool:
        """Whether a pod's page has stood still for too long to be true; asked after a look."""
        seen = self.pods.get(pod)
        return seen is not None and now - seen.moved >= FROZEN_SECONDS


def _moved(before: Sample, after: Sample) -> bool:
    """Whether a page differs from the one before, or is of a kind that need not.

    That is one without counters, and one of an engine that rests and does not tell for how long: a client that reads
    its answer slowly keeps the pod from counting as idle.
    """
    is_resting = after.running == 0 and after.waiting == 0 and not after.idle_seconds
    return before != after or is_resting or not after.has_counters


def _seen(before: Seen | None, after: Sample, now: float) -> Seen:
    if before is None:
        return Seen(now, after, now, is_new=after.is_heard)
    if not (after.is_heard and _moved(before.sample, after)):
        return replace(before, is_told=False, is_new=False)
    flow = _pod_flow(before.sample, after, _apart(before, after, now))
    return Seen(now, after, now, flow or before.flow, is_told=flow is not None)


def _apart(before: Seen, after: Sample, now: float) -> float:
    """Seconds between two pages: by the clock of whoever read both, else by ours."""
    if before.sample.scraped is None or after.scraped is None:
        return now - before.time
    return after.scraped - before.sample.scraped


def _pod_flow(before: Sample, after: Sample, seconds: float) -> PodFlow | None:
    """None when the engine restarted, or when a counter fell, is not there or cannot be."""
    if seconds < SHORTEST_LOOK_SECONDS or before.started != after.started:
        return None
    first, token = _spread(before.first_token, after.first_token), _spread(before.token, after.token)
    prompts = _grown(before.prompt_tokens, after.prompt_tokens)
    if first is None or token is None or prompts is None:
        return None
    batch = (before.running or 0.0, after.running or 0.0)
    if _is_absurd(batch, (first.count, token.count, prompts), token.sum / seconds):
        return None
    queued = (after.waiting or 0.0) - (before.waiting or 0.0)
    return PodFlow(
        seconds=seconds,
        arrivals=max(0.0, first.count + queued) / seconds,
        prompts=prompts / seconds,
        decoding=token.sum / seconds,
        running=after.running or 0.0,
        in_flight=(after.running or 0.0) + (after.waiting or 0.0),
        kv_cache_usage=after.kv_cache_usage,
        token_seconds=token.sum / token.count if token.count else None,
        tokens=token.count + first.count,
        first_token=first,
        request_token=_spread(before.request_token, after.request_token) or Spread(),
    )


def _is_absurd(batch: tuple[float, float], counted: tuple[float, ...], decoding: float) -> bool:
    """Nothing counted while requests run, or more time spent on tokens than the sequences of the batch have."""
    stands_still = min(batch) > 0 and not any(counted)
    return stands_still or decoding > MOST_TURNOVER * (max(batch) + TURNOVER_FLOOR)


def _grown(before: float | None, after: float | None) -> float | None:
    return after - before if before is not None and after is not None and after >= before else None


def _spread(before: Latencies | None, after: Latencies | None) -> Spread | None:
    """None when it fell; without buckets when they are others than before."""
    if before is None or after is None:
        return None
    total, count = _grown(before.sum, after.sum), _grown(before.count, after.count)
    if total is None or count is None:
        return None
    if before.bounds != after.bounds:
        return Spread(total, count)
    upto = tuple(map(sub, after.upto, before.upto))
    is_sound = all(map(le, (0.0, *upto), (*upto, count)))
    return Spread(total, count, after.bounds, upto) if is_sound else Spread(total, count)


def joined(spreads: Sequence[Spread]) -> Spread:
    """Observations of several pods or looks together; those without the first one's buckets are left out."""
    kept = [each for each in spreads if each.count]
    bounds = next((each.bounds for each in kept if each.bounds), ())
    alike = [each for each in kept if each.bounds == bounds]
    upto = tuple(map(sum, zip(*(each.upto for each in alike), strict=True)))
    return Spread(sum(each.sum for each in alike), sum(each.count for each in alike), bounds, upto)


def _flow(seen: Sequence[Seen], samples: Sequence[Sample], span: tuple[float, float]) -> Flow:
    told = [each.flow for each in seen if each.is_told and each.flow]
    silent = [each.flow for each in seen if not each.is_told and not each.is_new]
    arrivals = sum(each.arrivals for each in told)
    mean = arrivals / len(told) if told else 0.0
    running = sum(each.running for each in told if each.kv_cache_usage is not None)
    cached = sum(each.kv_cache_usage or 0.0 for each in told)
    return Flow(
        time=span[1],
        seconds=span[1] - span[0],
        ready=len(samples),
        told=len(told),
        silent=len(silent),
        arrivals=arrivals + sum(max(mean, each.arrivals if each else 0.0) for each in silent),
        requests=sum(each.first_token.count for each in told),
        prompted=sum(each.prompts * each.seconds for each in told),
        tokens=sum(each.tokens for each in told),
        in_flight=sum((each.running or 0.0) + (each.waiting or 0.0) for each in samples),
        kv_per_request=cached / running if running else None,
        first_token=joined([each.first_token for each in told]),
        request_token=joined([each.request_token for each in told]),
        pods=tuple(told),
    )
