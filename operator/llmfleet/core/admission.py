"""Whether what a spec asks can work at all, as far as that is known before a pod starts.

What the schema can say is refused by the API server; this is about what depends on knowledge of products. It is asked
when a revision is about to be made: one that exists keeps running, whatever later operators know.
"""

from collections.abc import Callable, Iterator

from llmfleet.api.conditions import Reason
from llmfleet.api.quantization import Method, listed
from llmfleet.api.tuning import KVCacheDType
from llmfleet.api.v1alpha1 import Spec
from llmfleet.api.workload import AcceleratorType
from llmfleet.core.capability import capability, needed, needed_by_cache, shown
from llmfleet.core.plan import Blocked

REFUSING = frozenset(
    {
        Reason.QUANTIZATION_UNSUPPORTED,
        Reason.HOST_PATH_NOT_ALLOWED,
        Reason.QUANTIZATION_MISMATCH,
        Reason.QUANTIZATION_FAILED,
        Reason.QUANTIZE_IMAGE_MISSING,
        Reason.TENSOR_PARALLEL_MISMATCH,
        Reason.DOES_NOT_FIT,
        Reason.MODEL_NOT_FOUND,
        Reason.MODEL_ACCESS_DENIED,
        Reason.MODEL_INVALID,
        Reason.UNSAFE_WEIGHTS,
    }
)
"""Reasons that a refusal may have."""


def refusals(spec: Spec, host_paths: tuple[str, ...] = ()) -> tuple[Blocked, ...]:
    """Why no pod of this spec could serve, each with what would work; empty when nothing is known against it.

    ``host_paths`` are the folders of nodes that the operator allows as caches.
    """
    refused = tuple(_node_folder(spec, host_paths))
    if spec.accelerator.type is not AcceleratorType.NVIDIA:
        return refused
    return refused + tuple(blocked for check in _CHECKS for blocked in check(spec))


def _node_folder(spec: Spec, allowed: tuple[str, ...]) -> Iterator[Blocked]:
    asked = spec.model.cache.host_path
    if asked and not any(f"{asked.path}/".startswith(f"{folder.rstrip('/')}/") for folder in allowed):
        told = f"folders below {', '.join(allowed)} are" if allowed else "no folder is"
        yield Blocked(Reason.HOST_PATH_NOT_ALLOWED, f"model.cache.hostPath.path is {asked.path}, and {told} allowed")


def _weights(spec: Spec) -> Iterator[Blocked]:
    method = spec.quantization.method
    weak = _weaker(spec.accelerator.products, needed(method))
    if weak:
        least = min(weak.values())
        works = listed(tuple(each for each in Method if needed(each) <= least))
        yield Blocked(
            Reason.QUANTIZATION_UNSUPPORTED,
            f"quantization.method {method} needs compute capability {shown(needed(method))}, and accelerator.products "
            f"names {_told(weak)}; there {works} would work. {_others(spec, weak)}",
        )


def _cache(spec: Spec) -> Iterator[Blocked]:
    dtype = spec.engine.kv_cache.dtype
    weak = _weaker(spec.accelerator.products, needed_by_cache(dtype))
    if weak:
        least = min(weak.values())
        works = listed(tuple(each for each in KVCacheDType if needed_by_cache(each) <= least))
        yield Blocked(
            Reason.QUANTIZATION_UNSUPPORTED,
            f"engine.kvCache.dtype {dtype} needs compute capability {shown(needed_by_cache(dtype))}, and "
            f"accelerator.products names {_told(weak)}; there {works} would work. {_others(spec, weak)}",
        )


_CHECKS: tuple[Callable[[Spec], Iterator[Blocked]], ...] = (_weights, _cache)


def _weaker(products: tuple[str, ...], least: int) -> dict[str, int]:
    """Products that are known to be of an older generation; a pod may land on any that is named."""
    known = {product: capability(product) for product in products}
    return {product: found for product, found in known.items() if found is not None and found < least}


def _told(weak: dict[str, int]) -> str:
    return ", ".join(f"{product} ({shown(found)})" for product, found in weak.items())


def _others(spec: Spec, weak: dict[str, int]) -> str:
    others = [product for product in spec.accelerator.products if product not in weak]
    return f"Or name only {', '.join(others)}." if others else "Or name a newer product."
