"""The GPU products that a replica may find itself on, and what is refused because they are too old for it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from llmfleet import names
from llmfleet.api.conditions import Reason
from llmfleet.api.quantization import listed
from llmfleet.api.tuning import KVCacheDType
from llmfleet.api.v1alpha1 import Spec
from llmfleet.api.workload import AcceleratorType
from llmfleet.core.capability import NEVER, generation, needed_by_cache, requirement, shown, working
from llmfleet.core.plan import Blocked

Labels = Mapping[str, str]
Works = Callable[[int, AcceleratorType], tuple[str, ...]]


@dataclass(frozen=True)
class Landing:
    """Products by their labels, with their generations; None of one that is not known."""

    vendor: AcceleratorType
    generations: Mapping[str, int | None]
    are_named: bool
    """By the spec: then a pod may land on each of them. Else they are the cluster's, and it may grow another."""

    def older(self, least: int) -> dict[str, int]:
        """Those that are known to be of an older generation."""
        return {each: found for each, found in self.generations.items() if found is not None and found < least}

    def too_old(self, least: int) -> dict[str, int]:
        """The same where they forbid it: one that is named, or all that the cluster has."""
        older = self.older(least)
        return older if self.are_named or len(older) == len(self.generations) else {}


def landing(spec: Spec, nodes: Iterable[Labels] = ()) -> Landing:
    """``nodes`` are the labels of those present. A slice that is asked for by its resource may be of any product."""
    asked = spec.accelerator
    if asked.products:
        return Landing(asked.type, {each: generation(each, asked.type) for each in asked.products}, are_named=True)
    label = names.GPU_PRODUCT_LABELS.get(asked.type)
    if label is None or asked.resource_name:
        return Landing(asked.type, {}, are_named=False)
    selected = (each for each in nodes if (spec.pod.node_selector or {}).items() <= each.items())
    found = {each[label]: _of_node(each, each[label], asked.type) for each in selected if each.get(label)}
    return Landing(asked.type, dict(sorted(found.items())), are_named=False)


def _of_node(labels: Labels, product: str, vendor: AcceleratorType) -> int | None:
    """By the table, else by what NVIDIA's discovery has found."""
    major, minor = (labels.get(f"nvidia.com/gpu.compute.{part}", "") for part in ("major", "minor"))
    is_told = vendor is AcceleratorType.NVIDIA and major.isdigit() and minor.isdigit()
    return generation(product, vendor) or (10 * int(major) + int(minor) if is_told else None)


def unservable_cache(spec: Spec, on: Landing) -> Iterator[Blocked]:
    """A number type of the KV cache that no attention backend takes there."""
    dtype = spec.engine.kv_cache.dtype
    yield from too_old(f"engine.kvCache.dtype {dtype} needs", needed_by_cache(dtype, on.vendor), on, _caches)


def _caches(least: int, vendor: AcceleratorType) -> tuple[KVCacheDType, ...]:
    return tuple(each for each in KVCacheDType if needed_by_cache(each, vendor) <= least)


def too_old(what: str, least: int, on: Landing, works: Works = working) -> Iterator[Blocked]:
    """``what`` ends with its verb; ``works`` gives what a generation of that vendor serves instead."""
    weak = on.too_old(least)
    if weak:
        told = ", ".join(f"{product} ({shown(found, on.vendor)})" for product, found in weak.items())
        where = f"accelerator.products names {told}" if on.are_named else f"the cluster's nodes have {told}"
        would = f"there {listed(works(min(weak.values()), on.vendor))} would work"
        words = f"{what} {requirement(least, on.vendor)}, and {where}; {would}. {_others(on, weak, least)}"
        yield Blocked(Reason.QUANTIZATION_UNSUPPORTED, words)


def _others(on: Landing, weak: Mapping[str, int], least: int) -> str:
    others = [product for product in on.generations if product not in weak]
    newer = "an NVIDIA product" if least >= NEVER else "a newer product"
    return f"Or name only {', '.join(others)}." if others else f"Or name {newer}."
