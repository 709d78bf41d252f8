"""Fits as a document for programs, and in the words that people read."""

from collections.abc import Sequence
from typing import Any

from llmfleet.core.fit.accelerators import GIB
from llmfleet.core.fit.alternatives import Alternative
from llmfleet.core.fit.planner import Fit, Verdict
from llmfleet_runtime.contract import LayerGroup, LayerKind, ModelFacts, WeightRole, WeightsFrom

Answer = tuple[Fit, Sequence[Alternative]]

_FROM = {
    WeightsFrom.HEADERS: "from every tensor's header",
    WeightsFrom.INDEX: "from the index's total",
    WeightsFrom.CONFIG: "from the shapes that config.json implies",
}
_VERDICTS = {Verdict.FITS: "fits", Verdict.DOES_NOT_FIT: "does not fit", Verdict.UNKNOWN: "unknown"}


def document(facts: ModelFacts, answers: Sequence[Answer]) -> dict[str, Any]:
    """All of it, sizes in bytes; absent numbers are left out."""
    shown = [{**_answer(found), "alternatives": [_alternative(each) for each in other]} for found, other in answers]
    return {"facts": facts.model_dump(mode="json", by_alias=True, exclude_none=True), "fits": shown}


def model_line(facts: ModelFacts) -> str:
    """The model in a line: architecture, size, precision, context."""
    sizes = [
        facts.architecture or "unknown architecture",
        f"weights {gib(sum(each.bytes for each in facts.weights))}" if facts.weights else "weights unknown",
        facts.quantization.method if facts.quantization else (facts.dtype or ""),
        f"{facts.experts} experts, {facts.experts_per_token} at a time" if facts.experts else "",
        f"up to {facts.max_positions:,} tokens" if facts.max_positions else "",
    ]
    return ", ".join(each for each in sizes if each)


def weights_line(facts: ModelFacts) -> str:
    """Where the weights' size comes from, and what they are; empty when nothing is known."""
    if facts.weights_from is None:
        return ""
    roles: dict[WeightRole, int] = {}
    for each in facts.weights:
        roles[each.role] = roles.get(each.role, 0) + each.bytes
    parts = ", ".join(f"{role.lower()} {gib(size)}" for role, size in sorted(roles.items(), key=lambda each: -each[1]))
    return f"{_FROM[facts.weights_from]}: {parts}"


def layers_line(facts: ModelFacts) -> str:
    """What the layers keep."""
    return " + ".join(_layers(each) for each in facts.layers) or "unknown"


def _layers(group: LayerGroup) -> str:
    shapes = {LayerKind.LATENT: f"{group.head_dim} wide", LayerKind.STATE: "a fixed size"}
    shape = shapes.get(group.kind, f"{group.kv_heads} heads of {group.head_dim}")
    window = f", last {group.window:,} tokens" if group.window else ""
    return f"{group.layers} layers {group.kind.lower()} ({shape}{window})"


def verdict_words(found: Fit) -> str:
    """A word or two; a question mark where the estimates decide."""
    return _VERDICTS[found.verdict] + ("?" if found.is_close else "")


def gib(size: float) -> str:
    """A size for people."""
    return f"{size / GIB:,.1f} GiB" if abs(size) >= GIB / 10 else f"{size / 2**20:,.1f} MiB"


def _answer(found: Fit) -> dict[str, Any]:
    numbers = {
        "cacheBytes": found.cache_bytes,
        "neededBytes": found.needed_bytes,
        "headroomBytes": found.headroom_bytes,
        "kvCacheTokens": found.tokens,
        "largestContext": found.largest_context,
        "concurrencyAtContext": None if found.concurrency is None else round(found.concurrency, 2),
    }
    shares = [{"what": each.what, "bytes": each.bytes, "why": each.why, "isEstimate": each.is_estimate}
              for each in found.shares]  # fmt: skip
    return {
        "product": found.accelerator.product,
        "tensor": found.settings.tensor,
        "precision": found.settings.precision.name,
        "verdict": found.verdict.value,
        "isClose": found.is_close,
        "reason": found.reason,
        "maxModelLen": found.max_model_len,
        "concurrency": found.settings.concurrency,
        "memoryBytes": found.accelerator.memory_bytes,
        "budgetBytes": found.budget_bytes,
        "shares": shares,
        **{name: value for name, value in numbers.items() if value is not None},
        "notes": list(found.notes),
    }


def _alternative(each: Alternative) -> dict[str, Any]:
    kept = (
        "product",
        "tensor",
        "precision",
        "isClose",
        "maxModelLen",
        "concurrency",
        "headroomBytes",
        "largestContext",
    )
    answer = _answer(each.fit)
    return {"change": each.change, "why": each.why, **{name: answer[name] for name in kept if name in answer}}
