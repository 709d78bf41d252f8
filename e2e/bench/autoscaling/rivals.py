"""The rules of other autoscalers, written again from their sources to size the same simulated fleets.

They are re-implementations. Each sees what the pods report, at its own tick, and keeps its own defaults but for the one
target that it is tuned by. Those of llm-d and of Dynamo are in ``wva.py`` and ``dynamo.py``. The start is as each
prescribes: the size at first sight is a recommendation (HPA), a restart with more than one pod begins in panic
(Knative).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from llmfleet.core.scaling.load import Tick, tick
from llmfleet.core.scaling.sample import Sample, sample
from llmfleet.core.simulation.decider import read
from llmfleet.core.simulation.run import Page
from llmfleet_runtime.contract import LoadReport

MOST = 64
"""The largest fleet; the smallest is 1."""
TOLERANCE = 0.1
Change = tuple[int, str]


@dataclass
class Rival:
    """What they share: a target, bounds, and what was seen."""

    target: float
    every_seconds: float = 15.0

    def size(self, pages: Sequence[Page], size: int, now: float) -> Change:
        """See ``run.Scaler``."""
        wanted = self.wanted(tick(now, told(pages)), size)
        return min(MOST, max(1, wanted)), type(self).__name__

    def wanted(self, seen: Tick, size: int) -> int:
        """The rule, before the bounds."""
        raise NotImplementedError


def told(pages: Sequence[Page]) -> list[Sample]:
    """What the pages say; only those that a fault has changed are printed and parsed, which takes most of the time."""
    return [sample(each.said, each.pod) if isinstance(each.said, LoadReport) else read([each])[0] for each in pages]


@dataclass
class HPA(Rival):
    """Kubernetes' HorizontalPodAutoscaler on requests in flight, AverageValue.

    Source: kubernetes ``pkg/controller/podautoscaler/{replica_calculator,horizontal}.go``; by default up by 100 % or 4
    pods in 15 s, down to the highest recommendation of 300 s. A metric that is missing for a pod holds the size and is
    no recommendation.
    """

    past: list[tuple[float, int]] = field(default_factory=list)

    def metric(self, seen: Tick) -> float | None:
        """The sum over all pods; None when it cannot be had."""
        return seen.demand if seen.ready and seen.heard == seen.ready else None

    def wanted(self, seen: Tick, size: int) -> int:
        """See ``Rival``."""
        total = self.metric(seen)
        self.past = self.past or [(seen.time, size)]
        if total is None:
            return size
        is_within = 1 - TOLERANCE <= total / (self.target * max(1, size)) <= 1 + TOLERANCE
        raw = size if is_within else math.ceil(total / self.target)
        self.past = [*(each for each in self.past if seen.time - each[0] < 300.0), (seen.time, raw)]
        down = max(each for _, each in self.past)
        return min(raw, max(2 * size, size + 4)) if raw > size else min(size, down)


@dataclass
class KEDA(HPA):
    """KEDA's Prometheus scaler on waiting requests, in front of the HPA; an empty or NaN answer is 0 by default.

    Source: kedacore/keda ``pkg/scalers/prometheus_scaler.go``, ``ignoreNullValues``; ``pkg/scaling/scale_handler.go``
    asks the source at each look of the HPA (its own polls decide about zero, and are kept only by
    ``useCachedMetrics``). ``is_mended`` sets the former to false: an answer that is none is an error, on which the HPA
    holds.
    """

    is_mended: bool = False

    def metric(self, seen: Tick) -> float | None:
        """See ``HPA``."""
        return seen.waiting if seen.heard or not self.is_mended else None


@dataclass
class Knative(Rival):
    """Knative's pod autoscaler on requests in flight.

    Source: knative/serving ``pkg/autoscaler/scaling/autoscaler.go``, ``aggregation/bucketing.go``; stable window 60 s,
    panic window 6 s, panic at twice the size, no more than half the pods leave at a tick; with several pods it begins
    in panic.
    """

    every_seconds: float = 2.0
    has_begun: bool = False
    past: list[tuple[float, float]] = field(default_factory=list)
    panic: float | None = None
    most: int = 0

    def wanted(self, seen: Tick, size: int) -> int:
        """See ``Rival``."""
        if not self.has_begun and seen.ready > 1:
            self.panic, self.most = seen.time, seen.ready
        self.has_begun = True
        if seen.heard:
            self.past.append((seen.time, seen.demand * seen.ready / seen.heard))
        self.past = [each for each in self.past if seen.time - each[0] < 60.0]
        recent = [load for time, load in self.past if seen.time - time < 6.0]
        if not recent:
            return size
        ready = max(1, seen.ready)
        stable = math.ceil(sum(load for _, load in self.past) / len(self.past) / self.target)
        burst = math.ceil(sum(recent) / len(recent) / self.target)
        stable, burst = max(stable, ready // 2), max(burst, ready // 2)
        if burst / ready >= 2.0:
            self.panic, self.most = seen.time, max(self.most, size)
        elif self.panic is not None and seen.time - self.panic >= 60.0:
            self.panic, self.most = None, 0
        if self.panic is None:
            return stable
        self.most = max(self.most, stable, burst)
        return self.most


@dataclass
class KubeAI(Rival):
    """KubeAI: the mean of the active requests over ten minutes; down after three lower decisions in a row.

    Source: kubeai-project/kubeai ``internal/modelautoscaler``, ``internal/modelclient/scale.go``.
    """

    every_seconds: float = 10.0
    past: list[float] = field(default_factory=list)
    lower: int = 0

    def wanted(self, seen: Tick, size: int) -> int:
        """See ``Rival``; one pod that cannot be read skips the tick."""
        if not seen.ready or seen.heard < seen.ready:
            return size
        self.past = [*(self.past or [self.target * size] * 60), seen.demand][-60:]
        raw = math.ceil(sum(self.past) / len(self.past) / self.target)
        self.lower = self.lower + 1 if raw < size else 0
        return size if 0 < self.lower < 3 else raw


@dataclass
class AIBrix(Rival):
    """AIBrix' APA: the mean over 180 s of the pods' requests in flight, times the pods that exist, started or not.

    Source: vllm-project/aibrix ``pkg/controller/podautoscaler/algorithm/apa.go``; before going down its window of 300 s
    takes the lowest recommendation, where the HPA takes the highest. ``is_mended`` takes the highest.
    """

    every_seconds: float = 10.0
    is_mended: bool = False
    past: list[tuple[float, float]] = field(default_factory=list)
    asked: list[tuple[float, int]] = field(default_factory=list)

    def wanted(self, seen: Tick, size: int) -> int:
        """See ``Rival``."""
        if seen.heard:
            self.past.append((seen.time, seen.demand / seen.heard))
        self.past = [each for each in self.past if seen.time - each[0] < 180.0]
        if not self.past:
            return size
        use = sum(load for _, load in self.past) / len(self.past) / self.target
        raw = size
        if use > 1 + TOLERANCE:
            raw = min(math.ceil(size * use), 2 * size)
        elif use < 1 - TOLERANCE:
            raw = max(math.ceil(size * use), size // 2)
        self.asked = [each for each in self.asked if seen.time - each[0] < 300.0] + [(seen.time, raw)]
        if raw >= size:
            return raw
        numbers = [each for _, each in self.asked]
        return min(size, max(numbers)) if self.is_mended else min(numbers)


@dataclass
class RayServe(Rival):
    """Ray Serve's default policy on ongoing requests: mean of 30 s, up after 30 s, down after 600 s of such decisions.

    Source: ray-project/ray ``python/ray/serve/autoscaling_policy.py``.
    """

    every_seconds: float = 1.0
    past: list[tuple[float, float]] = field(default_factory=list)
    since: tuple[int, float] = (0, 0.0)

    def wanted(self, seen: Tick, size: int) -> int:
        """See ``Rival``."""
        if seen.heard:
            self.past.append((seen.time, seen.demand))
        self.past = [each for each in self.past if seen.time - each[0] < 30.0]
        if not self.past:
            return size
        raw = math.ceil(sum(load for _, load in self.past) / len(self.past) / self.target)
        direction = (raw > size) - (raw < size)
        if direction != self.since[0]:
            self.since = (direction, seen.time)
        patience = 30.0 if direction > 0 else 600.0
        return raw if direction and seen.time - self.since[1] >= patience else size
