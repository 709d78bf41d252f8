"""What would fit instead: the nearest changes, each computed in full."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from llmfleet.api.tuning import KVCacheDType
from llmfleet.core.capability import needed_by_cache
from llmfleet.core.fit.accelerators import Accelerator
from llmfleet.core.fit.planner import LEAST_CONTEXT, Fit, Verdict, fit
from llmfleet.core.fit.settings import PRECISIONS, Settings
from llmfleet_runtime.contract import ModelFacts

MOST_DEVICES = 8
"""Of one node."""
SHORT = 256
"""A proposed context is a multiple of this."""


@dataclass(frozen=True)
class Alternative:
    """A change and what it comes to."""

    change: str
    why: str
    fit: Fit


@dataclass(frozen=True)
class _Step:
    change: str
    why: str
    settings: Settings
    accelerator: Accelerator


def alternatives(facts: ModelFacts, given: Fit, present: Iterable[Accelerator] = ()) -> tuple[Alternative, ...]:
    """Single changes that fit, one of each kind; two at a time when no change but giving something up helps.

    ``present`` are the products that could be had; a product is proposed only from there.
    """
    if given.verdict is not Verdict.DOES_NOT_FIT:
        return ()
    start = _Step("", "", given.settings, given.accelerator)
    gained = [_precisions(facts, start), _caches(facts, start), _devices(start), _products(start, present)]
    single = [found for kind in gained for found in _first(facts, kind)]
    if not single:
        pairs = product([*_precisions(facts, start)], [*_devices(start), *_products(start, present)])
        single = [*_first(facts, (_both(first, second) for first, second in pairs))]
    return (*_given_up(facts, given), *single)


def _given_up(facts: ModelFacts, given: Fit) -> Iterator[Alternative]:
    """Less context, or fewer requests at once, on the same device."""
    context = (given.largest_context or 0) // SHORT * SHORT
    if context >= LEAST_CONTEXT:
        why = f"the most that has room for {given.settings.concurrency} at once"
        change = _Step(f"context {context:,}", why, replace(given.settings, max_model_len=context), given.accelerator)
        yield from _first(facts, [change])
    if given.settings.concurrency > 1 and given.pool and given.cache_bytes:
        usable = given.pool.blocks(given.cache_bytes) - 1
        fewer = usable // given.pool.blocks_per_request(given.max_model_len)
        if fewer >= 1:
            less = replace(given.settings, concurrency=fewer)
            why = f"the most that have room at {given.max_model_len:,} tokens"
            yield from _first(facts, [_Step(f"concurrency {fewer}", why, less, given.accelerator)])


def _precisions(facts: ModelFacts, start: _Step) -> Iterator[_Step]:
    """Only where the checkpoint is not quantized already."""
    if facts.quantization is not None or start.settings.precision.bits is not None:
        return
    for precision in PRECISIONS:
        if precision.bits is not None:
            how = "made while loading" if precision.how == "on the fly" else "needs a checkpoint in this precision"
            changed = replace(start.settings, precision=precision)
            yield _Step(
                f"precision {precision.name}", f"{precision.bits:g} bits a weight, {how}", changed, start.accelerator
            )


def _caches(facts: ModelFacts, start: _Step) -> Iterator[_Step]:
    least = needed_by_cache(KVCacheDType.FP8, start.accelerator.vendor)
    is_served = (start.accelerator.architecture or 0) >= least
    if start.settings.kv_cache_dtype == "auto" and facts.layers and is_served:
        changed = replace(start.settings, kv_cache_dtype="fp8")
        yield _Step("KV cache FP8", "half of what a token takes", changed, start.accelerator)


def _devices(start: _Step) -> Iterator[_Step]:
    tensor = start.settings.tensor * 2
    while tensor <= MOST_DEVICES and start.accelerator.vendor != "CPU":
        why = f"{tensor} devices share weights and cache"
        yield _Step(f"tensor parallel {tensor}", why, replace(start.settings, tensor=tensor), start.accelerator)
        tensor *= 2


def _products(start: _Step, present: Iterable[Accelerator]) -> Iterator[_Step]:
    """Smallest first: the largest that anybody has fits most, and is needed elsewhere."""
    for each in sorted(set(present), key=lambda each: (each.memory_bytes, each.product)):
        if each.memory_bytes > start.accelerator.memory_bytes:
            why = f"{each.memory_bytes / 2**30:,.0f} GiB instead of {start.accelerator.memory_bytes / 2**30:,.0f}"
            yield _Step(each.product, why, start.settings, each)


def _both(first: _Step, second: _Step) -> _Step:
    settings = replace(second.settings, precision=first.settings.precision)
    return _Step(f"{first.change}, {second.change}", f"{first.why}; {second.why}", settings, second.accelerator)


def _first(facts: ModelFacts, steps: Iterable[_Step]) -> Iterator[Alternative]:
    """The first that fits."""
    for step in steps:
        found = fit(facts, step.settings, step.accelerator)
        if found.verdict is Verdict.FITS:
            yield Alternative(step.change, step.why, found)
            return
