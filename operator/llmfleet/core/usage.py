"""GPUs that a fleet holds: those of every pod that has a node, from its placing to its end."""

from collections.abc import Mapping
from dataclasses import dataclass

from llmfleet.api.workload import AcceleratorType
from llmfleet.core.world import Observed

ANY_PRODUCT = "*"


@dataclass(frozen=True, slots=True)
class Usage:
    """What is held now."""

    product: str
    """Products that the spec allows, joined by commas; the type where it allows any."""
    gpus: int


def usage(observed: Observed) -> Usage | None:
    """None for a spec that cannot be read or that asks for no GPU."""
    deployment = observed.deployment
    if deployment is None or deployment.spec.accelerator.type is AcceleratorType.CPU:
        return None
    accelerator = deployment.spec.accelerator
    holding = sum(bool(pod.node) and not pod.has_ended for pod in observed.pods)
    product = ",".join(accelerator.products or ()) or accelerator.type
    return Usage(product, holding * deployment.spec.engine.parallelism.tensor)


def price(prices: Mapping[str, float], product: str) -> float | None:
    """Of one GPU for an hour: the dearest of the allowed products, else that of any; None when none is known."""
    known = [prices[each] for each in product.split(",") if each in prices]
    return max(known, default=prices.get(ANY_PRODUCT))
