"""llm-d's workload variant autoscaler in its three modes, written again from its sources and guide.

Its loop runs every 30 s. The HPA that it is shipped with, whose windows of 240 s only make it slower, is left out.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from itertools import accumulate
from operator import mul
from statistics import fmean, median

from llmfleet.core.scaling.load import Tick
from llmfleet.core.scaling.sample import Sample

from .modelled import Modelled, Sizes
from .rivals import Rival

QUEUE, SPARE_CACHE, SPARE_QUEUE = 5, 0.1, 3
"""Waiting requests of a saturated pod; spare cache and queue below which one is added."""
UP, DOWN = 0.85, 0.70
"""Demand over supply above which the token mode adds, and below which it takes away."""
BISECTIONS = 40
QUEUE_TO_BATCH = 10
"""Most waiting requests of one pod, in batches."""
RATE_SECONDS = 60.0
OUTPUT_BUCKETS = (100, 500)


@dataclass
class WVA(Rival):
    """By percentage: one replica at a time, by spare cache and queue.

    Source: llm-d-workload-variant-autoscaler ``internal/saturation/analyzer.go``; ``target`` is the saturated share of
    the cache (0.8). Nothing is decided while replicas start.
    """

    every_seconds: float = 30.0

    def wanted(self, seen: Tick, size: int) -> int:
        """See ``Rival``."""
        pods = [(each.kv_cache_usage or 0.0, each.waiting or 0.0) for each in seen.samples if each.is_heard]
        if len(pods) != size:
            return size
        spare = [(self.target - usage, QUEUE - queue) for usage, queue in pods if usage < self.target and queue < QUEUE]
        cache = fmean(each for each, _ in spare) if spare else 0.0
        queue = fmean(each for _, each in spare) if spare else 0.0
        if cache < SPARE_CACHE or queue < SPARE_QUEUE:
            return size + 1
        grown = len(spare) / (len(spare) - 1) if len(spare) > 1 else math.inf
        is_cache_left = self.target - (self.target - cache) * grown >= SPARE_CACHE
        return size - 1 if is_cache_left and QUEUE - (QUEUE - queue) * grown >= SPARE_QUEUE else size


@dataclass
class WVATokens(Modelled):
    """By tokens in the cache: what is in use and queued over what the pods can hold.

    Source: ``internal/engines/analyzers/saturation_v2/analyzer.go``; ``target`` is the share of the cache that counts
    as full (0.8). Pods that do not report are missing from the demand and not from the supply, so that silence looks
    like room; ``is_mended`` takes nothing away while a pod is silent.
    """

    every_seconds: float = 30.0
    is_mended: bool = False
    held: dict[int, deque[float]] = field(default_factory=dict)
    """What a replica with a full queue held, the last ten, by how long answers are."""

    def planned(self, seen: Tick, size: int) -> int:
        """See ``Modelled``."""
        told, sizes = [each for each in seen.samples if each.is_heard], self.sizes(300.0, seen.time)
        if not told or sizes is None:
            return size
        capacity = max(1.0, median(self._capacity(each, sizes) for each in told))
        demand = sum(self._used(each) + (each.waiting or 0.0) * sizes.prompt for each in told)
        required = demand / UP - size * capacity
        if required > 0:
            return size + math.ceil(required / capacity)
        spare = math.floor((seen.ready * capacity - demand / DOWN) / capacity)
        return size - max(0, 0 if self.is_mended and len(told) < seen.ready else spare)

    def _used(self, pod: Sample) -> float:
        return (pod.kv_cache_usage or 0.0) * self.profile.kv_tokens

    def _capacity(self, pod: Sample, sizes: Sizes) -> float:
        bucket = sum(sizes.output >= each for each in OUTPUT_BUCKETS)
        if (pod.waiting or 0.0) >= QUEUE and self._used(pod) > 0:
            self.held.setdefault(bucket, deque(maxlen=10)).append(self._used(pod))
            computed = self._used(pod)
        elif bucket in self.held:
            computed = fmean(self.held[bucket])
        else:
            steady = self.profile.max_batched_tokens * sizes.output / (sizes.prompt + sizes.output)
            computed = min(steady, self.profile.max_sequences) * sizes.context
        return min(self.target * self.profile.kv_tokens, computed)


@dataclass
class WVAQueueing(Modelled):
    """By latency: arrivals over the most that a replica takes in a queueing model with mean latencies in promise.

    Source: ``pkg/analyzer``: a birth-death chain whose service rate depends on the batch. Its promise is of the means,
    without a tail and without hysteresis; a smaller ``target`` makes up for the tail.
    """

    every_seconds: float = 30.0

    def planned(self, seen: Tick, size: int) -> int:
        """See ``Modelled``."""
        sizes, rate = self.sizes(300.0, seen.time), self.rate(RATE_SECONDS, seen.time)
        if sizes is None or rate is None:
            return size
        return math.ceil(rate / self.most(sizes))

    def most(self, sizes: Sizes) -> float:
        """Requests per second at which both means are as planned, by bisection."""
        batch = Batch(self.profile.step_seconds, 1 / self.profile.prefill_rate, self.profile.context_seconds, sizes)
        rates = [count / batch.seconds(count) for count in range(1, self.profile.max_sequences + 1)]
        low, high = 0.0, rates[-1]
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            first, output = batch.latencies(middle, rates)
            is_kept = first <= self.first_token and output <= self.output_token
            low, high = (middle, high) if is_kept else (low, middle)
        return max(low, 1e-3)


@dataclass(frozen=True, slots=True)
class Batch:
    """Times of a batch of ``count`` sequences: ``alpha + count * (beta * computed + gamma * attended)`` a step."""

    alpha: float
    beta: float
    gamma: float
    sizes: Sizes

    def step(self, count: float) -> float:
        """One iteration of the engine, seconds."""
        computed = (self.sizes.prompt + self.sizes.output) / (self.sizes.output + 1)
        return self.alpha + count * (self.beta * computed + self.gamma * self.sizes.context)

    def prefill(self, count: float) -> float:
        """From a prompt's turn to its first token, seconds."""
        return self.step(count) + (self.beta + self.gamma) * self.sizes.prompt

    def decode(self, count: float) -> float:
        """One output token, seconds."""
        return self.step(count) + self.beta + self.gamma * self.sizes.context

    def seconds(self, count: float) -> float:
        """A whole request."""
        return self.prefill(count) + self.sizes.output * self.decode(count)

    def latencies(self, rate: float, rates: list[float]) -> tuple[float, float]:
        """Mean time to the first token and per token at ``rate``; a full batch serves its queue at the last rate."""
        weights = [1.0, *accumulate((rate / each for each in rates), mul)]
        full, most = rate / rates[-1], QUEUE_TO_BATCH * len(rates)
        tail = weights[-1] * full * (1 - full**most) / (1 - full)
        behind = weights[-1] * full * (1 - (most + 1) * full**most + most * full ** (most + 1)) / (1 - full) ** 2
        whole = sum(weights) + tail
        served = (sum(number * each for number, each in enumerate(weights)) + len(rates) * tail) / whole
        accepted = rate * (1 - weights[-1] * full**most / whole)
        return behind / whole / accepted + self.prefill(served), self.decode(served)
