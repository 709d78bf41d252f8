"""Every rival with the targets that it is tuned by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from llmfleet.core.simulation.run import Scaler, Scene

from .dynamo import DynamoLoad, DynamoThroughput
from .modelled import Modelled
from .rivals import HPA, KEDA, AIBrix, Knative, KubeAI, RayServe, Rival
from .wva import WVA, WVAQueueing, WVATokens

SHARES = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Of the promised latency."""
FULLNESS = (0.05, 0.1, 0.15, 0.2, 0.4, 0.8)
"""Of the cache."""
WAITING = (0.5, 1, 2, 5, 10, 20)
"""Requests for each replica."""


@dataclass(frozen=True)
class Family:
    """One rule."""

    make: Callable[[float, Scene], Scaler]
    targets: tuple[float, ...]
    """In flight for each replica; waiting for KEDA; share of the cache, or of the promised latency, for the others."""
    default: float | None = None
    """Its own, where it has one; one of the targets."""
    mends: str = ""
    """The family that it differs from in silence only; as it plays where every pod is heard, so does this one."""


def family(
    kind: type[Rival],
    targets: tuple[float, ...],
    default: float | None = None,
    mends: str = "",
    **members: Any,
) -> Family:
    """Of a rule that sees requests only."""
    return Family(lambda target, _: kind(target, **members), targets, default, mends)


def planner(kind: type[Modelled], targets: tuple[float, ...], mends: str = "", **members: Any) -> Family:
    """Of a rule that knows the engine and the promise; its own default is the last target."""
    return Family(partial(_planner, kind, members), targets, targets[-1], mends)


def _planner(kind: type[Modelled], members: Mapping[str, Any], target: float, scene: Scene) -> Scaler:
    return kind(target, profile=scene.world.profile, promise=scene.promise, **members)


FAMILIES: Mapping[str, Family] = {
    "HPA": family(HPA, (5, 8, 12, 15, 20, 30)),
    "KEDA": family(KEDA, WAITING),
    "KEDA mended": family(KEDA, WAITING, mends="KEDA", is_mended=True),
    "Knative": family(Knative, (8, 10, 16, 20, 30, 70), 70),
    "KubeAI": family(KubeAI, (8, 12, 15, 25, 40, 100), 100),
    "AIBrix": family(AIBrix, (8, 10, 15, 20, 30, 40)),
    "AIBrix mended": family(AIBrix, (8, 10, 15, 20, 30, 40), is_mended=True),
    "Ray Serve": family(RayServe, (2, 8, 10, 15, 20, 40), 2),
    "WVA": family(WVA, (0.1, 0.15, 0.2, 0.3, 0.4, 0.8), 0.8),
    "WVA tokens": planner(WVATokens, FULLNESS),
    "WVA tokens mended": planner(WVATokens, FULLNESS, mends="WVA tokens", is_mended=True),
    "WVA queueing": planner(WVAQueueing, SHARES),
    "Dynamo throughput": planner(DynamoThroughput, SHARES),
    "Dynamo throughput mended": planner(DynamoThroughput, SHARES, mends="Dynamo throughput", is_mended=True),
    "Dynamo load": planner(DynamoLoad, SHARES),
}
