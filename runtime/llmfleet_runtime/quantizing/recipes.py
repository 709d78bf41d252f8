"""Pure: what each method makes, and in what groups of inputs the weights share a scale."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from llmfleet_runtime.precision import Precision

GROUPS = (128, 64, 32)
"""Sizes of groups that vLLM 0.32 has kernels for, the usual one first."""
_INPUTS = ("hidden_size", "intermediate_size", "moe_intermediate_size", "shared_expert_intermediate_size")
KEPT = ("lm_head", "re:.*lm_head", "re:.*mlp.gate$", "re:.*shared_expert_gate$", "re:.*router$")
"""Modules that stay as they are: the last matrix, and what sends tokens to experts."""


@dataclass(frozen=True)
class Recipe:
    """One way to make a checkpoint."""

    method: str
    """The word that asks for it; by ``spec.quantization.method`` where a checkpoint of this format has one."""
    algorithm: Literal["rounding", "GPTQ", "AWQ"]
    scheme: str
    """Of compressed-tensors, by its name there (quantization/quant_scheme.py)."""
    makes: Precision
    calibrated: bool = True
    """Whether it looks at a text."""
    grouped: bool = False
    """Whether inputs share scales in groups whose size is chosen for the model."""

    @property
    def requirement(self) -> str:
        """The narrowest value of ``spec.quantization.method`` that such a checkpoint meets."""
        return min(self.makes.meets, key=lambda each: (each == "CompressedTensors", each))


def _made(scheme: str) -> Precision:
    return Precision("compressed-tensors", scheme)


RECIPES: Mapping[str, Recipe] = {
    each.method: each
    for each in (
        Recipe("FP8", "rounding", "FP8_DYNAMIC", _made("FP8 channel dynamic float8 token"), calibrated=False),
        Recipe("INT8", "GPTQ", "W8A8", _made("INT8 channel dynamic int8 token")),
        Recipe("GPTQ", "GPTQ", "W4A16", _made("INT4 group weight-only"), grouped=True),
        Recipe("AWQ", "AWQ", "W4A16_ASYM", _made("INT4 group weight-only"), grouped=True),
        Recipe("NVFP4", "rounding", "NVFP4", _made("NVFP4")),
    )
}
"""In the order of the table; NVFP4 needs a GPU to be served."""


def group_size(config: Mapping[str, Any]) -> int | None:
    """The largest group that divides the inputs of every linear layer; None when none does."""
    sizes = [config[name] for name in _INPUTS if isinstance(config.get(name), int) and config[name] > 0]
    heads, head = config.get("num_attention_heads"), config.get("head_dim")
    if isinstance(heads, int) and isinstance(head, int):
        sizes.append(heads * head)
    return next((each for each in GROUPS if all(size % each == 0 for size in sizes)), None)
