"""GPUs that a fleet holds: those of every pod that has a node, from its placing to its end."""

from collections.abc import Mapping
from dataclasses import dataclass

from llmfleet.api.v1alpha1 import Spec
from llmfleet.api.workload import AcceleratorType
from llmfleet.core.world import Observed

ANY_PRODUCT = "*"


@dataclass(frozen=True, slots=True)
class Usage:
    """What is held now."""

    product: str
    """Products that the spec allows, joined by commas; the type where it allows any."""
    gpus: int


def gpus_of_replica(spec: Spec) -> int:
    """That each of its pods asks for; slices count as GPUs, and a fleet on CPUs asks for none."""
    return 0 if spec.accelerator.type is AcceleratorType.CPU else spec.engine.parallelism.tensor


def usage(observed: Observed) -> Usage | None:
    """None for a spec that cannot be read or that asks for no GPU."""
    deployment = observed.deployment
    if deployment is None or deployment.spec.accelerator.type is AcceleratorType.CPU:
        return None
    accelerator = deployment.spec.accelerator
    holding = sum(bool(pod.node) and not pod.has_ended for pod in observed.pods)
    product = ",".join(accelerator.products or ()) or accelerator.type
    return Usage(product, holding * gpus_of_replica(deployment.spec))


def price(prices: Mapping[str, float], product: str) -> float | None:
    """Of one GPU for an hour: the dearest of the allowed products, else that of any; None when none is known."""
    known = [prices[each] for each in product.split(",") if each in prices]
    return max(known, default=prices.get(ANY_PRODUCT))
