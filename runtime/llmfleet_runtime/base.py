"""Pure: the shapes of a base model's weight matrices, as far as they are certain; what is not is left out."""

from collections.abc import Iterable, Mapping
from typing import Any

from .inspection.safetensors import Tensor

Shapes = Mapping[str, tuple[int, int]]
"""(rows, columns) of each module's weight by the module's name; a linear layer takes columns and gives rows."""

PLAIN = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "I8"})
"""Number types that are stored one to an element; packed ones have other shapes than their layer."""
WEIGHT = ".weight"
INNER = "model."
"""What a model with a head calls what is below it."""

STANDARD = frozenset({"llama", "mistral", "qwen2", "qwen3"})
"""Kinds of model whose layers all have Llama's seven matrices, whatever they are stored as."""


def from_headers(tensors: Iterable[Tensor]) -> Shapes:
    """From the tensors of all files of the model."""
    plain = {each.name: each.shape for each in tensors if each.name.endswith(WEIGHT) and each.dtype in PLAIN}
    return {name.removesuffix(WEIGHT): (shape[0], shape[1]) for name, shape in plain.items() if len(shape) == 2}


def headless(base: Shapes) -> Shapes:
    """As a model without its head has them: one that embeds or scores takes adapters for either.

    vLLM looks for both names then, and for those with the head otherwise (``vllm/lora/model_manager.py``).
    """
    return {name.removeprefix(INNER): shape for name, shape in base.items()}


def from_config(config: Mapping[str, Any]) -> Shapes:
    """From ``config.json`` of a model whose weights are packed; nothing for other kinds than ``STANDARD``."""
    if config.get("model_type") not in STANDARD:
        return {}
    try:
        hidden, inner = int(config["hidden_size"]), int(config["intermediate_size"])
        heads, layers = int(config["num_attention_heads"]), int(config["num_hidden_layers"])
        head = int(config.get("head_dim") or hidden // heads)
        pairs = int(config.get("num_key_value_heads") or heads)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return {}
    matrices = {
        "self_attn.q_proj": (heads * head, hidden),
        "self_attn.k_proj": (pairs * head, hidden),
        "self_attn.v_proj": (pairs * head, hidden),
        "self_attn.o_proj": (hidden, heads * head),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }
    return {f"model.layers.{layer}.{name}": shape for layer in range(layers) for name, shape in matrices.items()}
