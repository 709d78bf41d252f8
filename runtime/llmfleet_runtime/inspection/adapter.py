"""A LoRA adapter's facts, from its configuration and the headers of its tensors.

vLLM 0.32 loads an adapter that is narrower or deeper than its base without a word and then answers garbage, so the
shapes are what matters. (vllm/lora/peft_helper.py, vllm/lora/lora_model.py)
"""

import re
from collections.abc import Iterable, Mapping

from llmfleet_runtime.facts import AdapterFacts, TargetModule

from .safetensors import Tensor
from .section import Section

_TENSOR = re.compile(r"\.layers\.(\d{1,6})\.(?:[\w.]{0,200}\.)?(\w{1,100})\.lora_([AB])(?:\.\w{1,100})?\.weight$")
_PLAIN = (None, "true", "gaussian", "eva", "orthogonal")
_REFUSED = ("use_dora", "use_qalora", "lora_bias", "alora_invocation_tokens", "layer_replication", "modules_to_save",
            "use_bdlora")  # fmt: skip


def adapter_facts(config: Section, tensors: Iterable[Tensor]) -> AdapterFacts:
    """Raises ``BadModel`` for impossible values."""
    found = tuple(tensors)
    sides = _sides(found)
    modules = tuple(
        TargetModule(name=name, inputs=inputs, outputs=outputs, layers=len(layers))
        for (name, inputs, outputs), layers in sorted(_modules(sides).items())
    )
    ranks = [shape[0] for (_, _, side), shape in sides.items() if side == "A"]
    return AdapterFacts(
        type=config.text("peft_type"),
        base_model=config.text("base_model_name_or_path"),
        rank=max(ranks, default=config.found("r")),
        modules=modules,
        last_layer=max((layer for layer, _, _ in sides), default=None),
        refused=_refused(config),
        bytes=sum(each.bytes for each in found),
    )


def _sides(tensors: Iterable[Tensor]) -> Mapping[tuple[int, str, str], tuple[int, ...]]:
    """Layer, module, A or B -> shape; A is (rank, inputs), B is (outputs, rank)."""
    sides = {}
    for tensor in tensors:
        match = _TENSOR.search(f".{tensor.name}")
        if match and len(tensor.shape) == 2:
            sides[int(match[1]), match[2], match[3]] = tensor.shape
    return sides


def _modules(sides: Mapping[tuple[int, str, str], tuple[int, ...]]) -> Mapping[tuple[str, int, int], set[int]]:
    modules: dict[tuple[str, int, int], set[int]] = {}
    for (layer, name, side), shape in sides.items():
        other = sides.get((layer, name, "B"))
        if side == "A" and other is not None:
            modules.setdefault((name, shape[1], other[0]), set()).add(layer)
    return modules


def _refused(config: Section) -> tuple[str, ...]:
    refused = [name for name in _REFUSED if config.values.get(name)]
    if config.values.get("bias") not in (None, "none"):
        refused.append("bias")
    start = config.values.get("init_lora_weights")
    if start not in (True, False, *_PLAIN):
        refused.append("init_lora_weights")
    return tuple(sorted(refused))
