"""What is to be expected of a new revision, out of its model's facts and the products present: before a pod is made.

What is certain refuses; where estimates decide, the engine is let find out, and the status says so.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from llmfleet.api.conditions import Reason
from llmfleet.api.foretold import FitStatus
from llmfleet.api.quantization import MADE_ON_THE_FLY, Method, Source
from llmfleet.api.v1alpha1 import Spec
from llmfleet.api.workload import AcceleratorType
from llmfleet.core.fit.accelerators import Accelerator
from llmfleet.core.fit.alternatives import alternatives
from llmfleet.core.fit.asked import devices, is_planned, planned, present
from llmfleet.core.fit.planner import CLOSE, LEAST_CONTEXT, Fit, Verdict
from llmfleet.core.fit.report import gib
from llmfleet.core.landing import Labels, landing
from llmfleet.core.plan import Blocked
from llmfleet.core.servable import least, unservable
from llmfleet_runtime.contract import (
    DEFAULT_ENGINE,
    QUANTIZING_METHODS,
    ModelFacts,
    Precision,
    contradiction,
    precision,
    unfit,
)

MADE_ON_CPU = (Method.FP8, Method.BITS_AND_BYTES)
MOST_ALTERNATIVES = 3
CONTEXT_STEP = 256
"""A context chosen by us is a multiple of this, in tokens."""
LEARNED_CLOSE = 0.02
"""In place of ``CLOSE`` once the engine's own number has corrected the estimate."""


@dataclass(frozen=True)
class Prospect:
    """Nothing known: everything is left to the engine."""

    blocked: tuple[Blocked, ...] = ()
    max_model_len: int | None = None
    """Tokens, where the spec leaves it open and it is known what fits."""
    fit: FitStatus | None = None


def prospect(
    facts: ModelFacts, spec: Spec, nodes: Sequence[Labels], learned: float | None = None, *, is_tried: bool = True
) -> Prospect:
    """``nodes`` are the labels of those present; ``learned`` the correction of the engine that will run, if any.

    ``is_tried`` tells that the verdicts on weights are of its version.
    """
    if spec.engine.type != DEFAULT_ENGINE:
        return Prospect()  # the planner counts as that one does
    blocked = contradictions(facts, spec, nodes, is_tried=is_tried)
    if blocked or not is_planned(spec):
        return Prospect(blocked)
    older = landing(spec, nodes).older(least(facts, spec)) if is_tried else {}
    labels = [dict(each) for each in nodes if older.keys().isdisjoint(each.values())]
    fits = [planned(facts, spec, each, learned or 1.0) for each in devices(spec, labels)]
    if fits and all(each.is_certain for each in fits):
        return Prospect((_does_not_fit(facts, spec, fits, labels),))
    hopeful = [each for each in fits if not each.is_certain]
    if not hopeful:
        return Prospect()
    worst = min(hopeful, key=lambda each: (each.verdict is Verdict.FITS, each.max_model_len, each.stored_tokens or 0))
    length = None if spec.engine.max_model_len else _context(facts, worst, LEARNED_CLOSE if learned else CLOSE)
    return Prospect((), length, _status(worst, (*_older(older), *_warnings(worst, fits)), length))


def contradictions(
    facts: ModelFacts, spec: Spec, nodes: Sequence[Labels] = (), *, is_tried: bool = True
) -> tuple[Blocked, ...]:
    """What no memory could mend."""
    weights = tuple(unservable(facts, spec, landing(spec, nodes))) if is_tried else ()
    return (*_wrong_task(facts, spec), *(weights or _mismatch(facts, spec)), *_split(facts, spec))


def _wrong_task(facts: ModelFacts, spec: Spec) -> Iterator[Blocked]:
    words = unfit(spec.model.task, facts.architecture)
    if words:
        yield Blocked(Reason.UNSUPPORTED_MODEL, words)


def _mismatch(facts: ModelFacts, spec: Spec) -> Iterator[Blocked]:
    found = precision(facts.quantization)
    words = _already(found) if spec.quantization.source is Source.PRODUCED else _otherwise(found, spec)
    if words:
        yield Blocked(Reason.QUANTIZATION_MISMATCH, words)


def _already(found: Precision) -> str:
    would = "set quantization.source to Checkpoint, or take what they were made from"
    return f"the weights are {found} already; {would}" if found.method else ""


def _otherwise(found: Precision, spec: Spec) -> str:
    wanted = spec.quantization
    made = MADE_ON_CPU if spec.accelerator.type is AcceleratorType.CPU else MADE_ON_THE_FLY
    words = contradiction(wanted.method, wanted.source, found, made)
    can_be_made = not found.method and wanted.method in QUANTIZING_METHODS and wanted.source is not Source.ON_THE_FLY
    return f"{words}; or have it made, with quantization.source Produced" if words and can_be_made else words


def _split(facts: ModelFacts, spec: Spec) -> Iterator[Blocked]:
    tensor = spec.engine.parallelism.tensor
    if facts.heads and facts.heads % tensor:
        words = f"engine.parallelism.tensor is {tensor}, which does not divide the attention heads ({facts.heads})"
        yield Blocked(Reason.TENSOR_PARALLEL_MISMATCH, words)


def _does_not_fit(facts: ModelFacts, spec: Spec, fits: Sequence[Fit], nodes: list[dict[str, str]]) -> Blocked:
    """The numbers of the product that comes nearest, and what would fit there."""
    nearest = max(fits, key=lambda each: each.headroom_bytes or -(2**60))
    others = present(nodes, spec.accelerator.type, {})
    found = alternatives(facts, nearest, others)[:MOST_ALTERNATIVES]
    would = "; ".join(f"{each.change} ({_spare(each.fit)})" for each in found)
    tensor = nearest.settings.tensor
    where = f"{tensor} x {nearest.accelerator.product}" if tensor > 1 else nearest.accelerator.product
    told = f"on {where}: {nearest.reason}"
    return Blocked(Reason.DOES_NOT_FIT, f"{told}. Would fit: {would}" if would else told)


def _spare(found: Fit) -> str:
    return f"{gib(found.headroom_bytes or 0)} to spare{', by estimate' if found.is_close else ''}"


def _context(facts: ModelFacts, found: Fit, margin: float) -> int | None:
    """The model's longest where that surely fits, else the longest that fits with a margin for the estimates."""
    if found.pool is None or found.cache_bytes is None:
        return None
    # A cache of a size that we say ourselves is no estimate.
    spare = 0 if found.settings.kv_cache_bytes else int(margin * found.budget_bytes)
    longest = facts.max_positions or found.max_model_len
    sure = found.pool.largest_context(found.cache_bytes - spare, 1, longest)
    if sure < longest:
        sure = sure // CONTEXT_STEP * CONTEXT_STEP
    return sure if sure >= min(LEAST_CONTEXT, longest) else None


def _status(found: Fit, warnings: Sequence[str], length: int | None) -> FitStatus:
    chosen = replace(found, max_model_len=length) if length else found
    pool, size = chosen.pool, max(0, chosen.cache_bytes or 0)
    at_once = pool.concurrency(size, chosen.max_model_len) if pool else None
    return FitStatus(
        product=found.accelerator.product,
        weights_bytes=found.shares[0].bytes if found.shares else None,
        kv_bytes_per_token=chosen.token_bytes,
        kv_tokens_predicted=found.stored_tokens,
        max_concurrency_at_max_len=None if at_once is None else int(at_once),
        learned_percent=None if found.settings.learned == 1.0 else round(100 * found.settings.learned),
        message="; ".join(warnings)[:1024],
    )


def _older(products: Collection[str]) -> Iterator[str]:
    if products:
        yield f"{', '.join(products)} cannot serve these weights; name the other products in accelerator"


def _warnings(found: Fit, fits: Sequence[Fit]) -> Iterator[str]:
    misfits: list[Accelerator] = [each.accelerator for each in fits if each.is_certain]
    if misfits:
        yield f"does not fit {', '.join(each.product for each in misfits)}; name the other products in accelerator"
    if found.verdict is Verdict.DOES_NOT_FIT:
        yield f"may not fit: {found.reason}, within the estimates' margin"
    elif found.verdict is Verdict.UNKNOWN:
        yield found.reason
    yield from found.notes
