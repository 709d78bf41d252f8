"""NVIDIA Dynamo's planner for aggregated engines, written again from its sources: by throughput, and by load."""

import math
from dataclasses import dataclass, field

from llmfleet.core.scaling.flow import PodFlow
from llmfleet.core.scaling.load import Tick

from .modelled import Modelled, Sizes

SENSITIVITY = 0.8
"""Share of what is promised that a fleet of one less must stay within."""
LEVEL_NOISE, TREND_NOISE, SEEN_NOISE, FEWEST = 1.0, 0.1, 10.0, 5
"""Of the Kalman filter, and the intervals it waits for (``config/defaults.py``)."""


@dataclass
class Trend:
    """A local linear trend, followed by a Kalman filter; source: ``core/load/predictors.py``."""

    level: float = 0.0
    slope: float = 0.0
    covariance: tuple[float, float, float] = (1e3, 0.0, 1e3)
    """Of the level, of both, of the slope."""
    seen: int = 0

    def look(self, value: float) -> float:
        """The next interval's value after this one; never below 0."""
        self.seen += 1
        if self.seen == 1:
            self.level = value
            return value
        level, (first, both, second) = self.level + self.slope, self.covariance
        first, both, second = first + 2 * both + second + LEVEL_NOISE, both + second, second + TREND_NOISE
        gain, gain_of_slope = first / (first + SEEN_NOISE), both / (first + SEEN_NOISE)
        self.level, self.slope = level + gain * (value - level), self.slope + gain_of_slope * (value - level)
        self.covariance = (1 - gain) * first, (1 - gain) * both, second - gain_of_slope * both
        return max(0.0, self.level + self.slope) if self.seen >= FEWEST else value


class Planner(Modelled):
    """What both share: seconds of one iteration."""

    def iteration(self, prompt_tokens: float, cached: float, sequences: float) -> float:
        """``core/perf_model/agg.py`` fits it over the first two; the engine's own numbers know the third."""
        engine = self.profile
        held = engine.step_seconds + engine.sequence_seconds * sequences + engine.context_seconds * cached
        return held + prompt_tokens / engine.prefill_rate

    def first(self, queued: float, cached: float, sizes: Sizes) -> float:
        """Seconds to the first token of the next prompt behind so many queued prompt tokens."""
        left, most, seconds = queued + sizes.prompt, self.profile.max_batched_tokens, 0.0
        while left > 0:
            seconds += self.iteration(min(left, most), cached, cached / sizes.context)
            left -= most
        return seconds


@dataclass
class DynamoThroughput(Planner):
    """Predicted requests of the next 180 s over what one engine takes within the promise.

    Source: ``components/src/dynamo/planner/core/throughput_scaling.py``, ``core/perf_model/agg.py``. The predictor is
    its Kalman filter. Silence is stored as no requests of no tokens; ``is_mended`` leaves such an interval out.
    """

    every_seconds: float = 180.0
    is_mended: bool = False
    requests: Trend = field(default_factory=Trend)
    prompt: Trend = field(default_factory=Trend)
    output: Trend = field(default_factory=Trend)

    def planned(self, seen: Tick, size: int) -> int:
        """See ``Modelled``."""
        sizes, rate = self.sizes(self.every_seconds, seen.time), self.rate(self.every_seconds, seen.time)
        if rate is None and (self.is_mended or not self.flows):
            return size
        predicted = self.requests.look((rate or 0.0) * self.every_seconds) / self.every_seconds
        prompt, output = (
            self.prompt.look(sizes.prompt if sizes else 0.0),
            self.output.look(sizes.output if sizes else 0.0),
        )
        return math.ceil(predicted / self.most(Sizes(prompt, output))) if min(prompt, output) >= 1 else size

    def most(self, sizes: Sizes) -> float:
        """The best rate of one engine: the largest batch whose iteration and first token are within the promise."""
        engine, best = self.profile, 0.0
        balanced = sizes.output * engine.max_batched_tokens / (sizes.prompt + sizes.output)
        for batch in range(1, max(2, int(min(engine.kv_tokens / sizes.context, engine.max_sequences, balanced)) + 1)):
            prompt_tokens = min(batch * sizes.prompt / sizes.output, engine.max_batched_tokens)
            seconds = self.iteration(prompt_tokens, batch * sizes.context, batch)
            is_kept = seconds <= self.output_token
            is_kept = is_kept and self.first(prompt_tokens, batch * sizes.context, sizes) <= self.first_token
            if is_kept or batch == 1:
                best = batch / (sizes.output * seconds)
            if not is_kept:
                break
        return best


@dataclass
class DynamoLoad(Planner):
    """One more when every engine is beyond the promise, one fewer when one fewer would stay well within it.

    Source: ``core/load_scaling.py``, aggregated mode; every 5 s, and nothing while replicas start or are silent.
    """

    every_seconds: float = 5.0

    def planned(self, seen: Tick, size: int) -> int:
        """See ``Modelled``."""
        pods, sizes = self.pods(), self.sizes(60.0, seen.time)
        if not pods or sizes is None or len(pods) != size or seen.heard != size:
            return size
        first = self._moved([self._waits(each, sizes, 1.0) for each in pods], self.first_token)
        output = self._moved([self._paces(each, sizes, 1.0) for each in pods], self.output_token)
        if max(first, output) > 0:
            return size + 1
        return size - 1 if size > 1 and self._would_do(pods, sizes, size / (size - 1)) else size

    def _moved(self, latencies: list[float], limit: float) -> int:
        return int(all(each > limit for each in latencies))

    def _cached(self, pod: PodFlow) -> float:
        return (pod.kv_cache_usage or 0.0) * self.profile.kv_tokens

    def _waits(self, pod: PodFlow, sizes: Sizes, factor: float) -> float:
        queued = (pod.in_flight - pod.running) * sizes.prompt
        return self.first(factor * queued, factor * self._cached(pod), sizes)

    def _paces(self, pod: PodFlow, sizes: Sizes, factor: float, queued: float = 0.0) -> float:
        cached = factor * (self._cached(pod) + queued)
        prompts = pod.prompts * (pod.token_seconds or self.profile.step_seconds)
        return self.iteration(prompts, cached + sizes.context, cached / sizes.context)

    def _would_do(self, pods: tuple[PodFlow, ...], sizes: Sizes, factor: float) -> bool:
        """Whether every engine would be well within the promise with one fewer."""
        for pod in pods:
            queued = (pod.in_flight - pod.running) * sizes.prompt
            alone = self.first(0.0, factor * self._cached(pod), sizes)
            room = SENSITIVITY * (self.first_token - alone)
            if room <= 0 or self._waits(pod, sizes, factor) - alone >= room:
                return False
            if factor * (self._cached(pod) + queued) >= self.profile.kv_tokens:
                return False
            if self._paces(pod, sizes, factor, queued) >= SENSITIVITY * self.output_token:
                return False
        return True
