"""A fleet's spec in the planner's terms."""

import re
from collections.abc import Iterable
from dataclasses import replace

from llmfleet.api.quantization import Method
from llmfleet.api.tuning import KVCacheDType, PrefixCaching
from llmfleet.api.v1alpha1 import Spec
from llmfleet.api.workload import MEMORY_SHARE, AcceleratorType
from llmfleet.core.capacity import quantity
from llmfleet.core.fit.accelerators import Accelerator, cpu, named, of_node
from llmfleet.core.fit.planner import LEAST_CONTEXT, Fit, Verdict, fit
from llmfleet.core.fit.settings import AS_STORED, FP8, UTILIZATION, Lora, Settings
from llmfleet_runtime.contract import ModelFacts, kv_cache_bytes

_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,6})?")
_CACHE_DTYPES = {KVCacheDType.AUTO: "auto", KVCacheDType.FP8: "fp8", KVCacheDType.FP8_E5M2: "fp8_e5m2"}
_UNPLANNED = frozenset(
    ("block-size", "cpu-offload-gb", "disable-hybrid-kv-cache-manager", "disable-sliding-window",
     "kv-sharing-fast-prefill", "language-model-only", "mamba-block-size", "mamba-cache-dtype", "mamba-cache-mode",
     "mamba-ssm-cache-dtype", "num-gpu-blocks-override")
)  # fmt: skip
"""Arguments that change what memory is used for."""
_LONGER = "VLLM_ALLOW_LONG_MAX_MODEL_LEN"

Labels = dict[str, str]


def settings_of(spec: Spec) -> Settings:
    """What the engine would be told. An argument whose value is no number is the engine's to refuse."""
    arguments = {each.name: each.value for each in spec.engine.args}
    share = _number(arguments.get(MEMORY_SHARE))
    batch = _number(arguments.get("max-num-batched-tokens"))
    return Settings(
        tensor=spec.engine.parallelism.tensor,
        max_model_len=spec.engine.max_model_len,
        precision=FP8 if spec.quantization.method is Method.FP8 else AS_STORED,
        kv_cache_dtype=_CACHE_DTYPES.get(spec.engine.kv_cache.dtype, "auto"),
        dtype=spec.engine.dtype.value.lower(),
        utilization=UTILIZATION if share is None else share,
        kv_cache_bytes=_cpu_cache(spec),
        max_num_batched_tokens=None if batch is None else int(batch),
        max_num_seqs=spec.engine.max_concurrency,
        enforce_eager="enforce-eager" in arguments and arguments["enforce-eager"] != "false",
        prefix_caching=spec.engine.prefix_caching is not PrefixCaching.DISABLED,
        lora=_lora(spec),
    )


def is_planned(spec: Spec) -> bool:
    """Whether the planner knows all that the spec does to memory."""
    on_the_fly: frozenset[Method] = frozenset({Method.MXFP4, Method.MXFP8, Method.BITS_AND_BYTES})
    names = {each.name for each in spec.engine.args}
    is_plain = spec.engine.kv_cache.dtype in _CACHE_DTYPES and spec.quantization.method not in on_the_fly
    return is_plain and not names & _UNPLANNED and all(each.name != _LONGER for each in spec.engine.env)


def devices(spec: Spec, nodes: Iterable[Labels]) -> tuple[Accelerator, ...]:
    """Those that a replica may find itself on, as far as they are known; of a CPU with a memory limit, that."""
    if spec.accelerator.type is AcceleratorType.CPU:
        limits = spec.resources.limits
        return (cpu(int(quantity(limits.memory))),) if limits and limits.memory else ()
    if spec.accelerator.resource_name:
        return ()
    seen = present(nodes, spec.accelerator.type, dict(spec.pod.node_selector or {}))
    if not spec.accelerator.products:
        return seen
    by_label = {each.product: each for each in seen}
    chosen = [by_label.get(label) or named(label) for label in spec.accelerator.products]
    return tuple(each for each in chosen if each is not None) if all(chosen) else ()


def present(nodes: Iterable[Labels], vendor: AcceleratorType, selector: Labels) -> tuple[Accelerator, ...]:
    """The products of a vendor on nodes with these labels."""
    found = {of_node(labels) for labels in nodes if selector.items() <= labels.items()}
    ours = [each for each in found if each is not None and each.vendor == vendor.value]
    return tuple(sorted(ours, key=lambda each: each.product))


def planned(facts: ModelFacts, spec: Spec, accelerator: Accelerator, learned: float = 1.0) -> Fit:
    """Whether a replica would start there; without ``maxModelLen``, as vLLM's auto, with the longest that fits."""
    found = fit(facts, replace(settings_of(spec), learned=learned), accelerator)
    longest = found.largest_context or 0
    if spec.engine.max_model_len is not None or found.verdict is not Verdict.DOES_NOT_FIT or longest < LEAST_CONTEXT:
        return found
    return fit(facts, replace(found.settings, max_model_len=longest), accelerator)


def _cpu_cache(spec: Spec) -> int | None:
    """What the launcher tells a CPU build, of which each process has its part."""
    limits = spec.resources.limits
    if spec.accelerator.type is not AcceleratorType.CPU or limits is None or limits.memory is None:
        return None
    return kv_cache_bytes(int(quantity(limits.memory))) // spec.engine.parallelism.tensor


def _lora(spec: Spec) -> Lora | None:
    lora = spec.lora
    return None if lora is None else Lora(min(lora.max_per_batch, lora.max_adapters), lora.max_rank)


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _NUMBER.fullmatch(text) else None
