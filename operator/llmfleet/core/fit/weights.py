"""Weights on one device."""

from math import ceil

from llmfleet.core.fit.settings import DTYPE_BYTES, Precision
from llmfleet_runtime.contract import ModelFacts, WeightRole, Weights

_FLOATS = {"BF16": 2, "F16": 2, "F32": 4}
_QUANTIZABLE = (WeightRole.LINEAR, WeightRole.EXPERT)
_MXFP4_HIDDEN, _MXFP4_INNER = 256, 128
"""Its kernels pad an expert to multiples of these. (vLLM, fused_moe/oracle/mxfp4.py)"""


def model_dtype(facts: ModelFacts, dtype: str) -> str:
    """What the engine computes in: float32 only when it is asked for, as in vLLM's config/model.py."""
    if dtype != "auto":
        return dtype
    return facts.dtype if facts.dtype in ("bfloat16", "float16") else "bfloat16"


def weight_bytes(facts: ModelFacts, precision: Precision, tensor: int, dtype: str) -> int:
    """Bytes on each of ``tensor`` devices."""
    element = DTYPE_BYTES[model_dtype(facts, dtype)]
    return sum(_bytes(facts, each, precision, element) // _split(each, tensor) for each in facts.weights)


def _split(weights: Weights, tensor: int) -> int:
    return 1 if weights.role is WeightRole.REPLICATED else tensor


def _bytes(facts: ModelFacts, weights: Weights, precision: Precision, element: int) -> int:
    is_float = weights.dtype in _FLOATS
    if precision.bits is not None and is_float and weights.role in _QUANTIZABLE:
        return ceil(weights.elements * precision.bits / 8)
    if is_float and weights.elements and facts.quantization is None:
        return weights.elements * element
    is_padded = weights.role is WeightRole.EXPERT and facts.quantization and "mxfp4" in facts.quantization.method
    return int(weights.bytes * _padding(facts)) if is_padded else weights.bytes


def _padding(facts: ModelFacts) -> float:
    hidden, inner = facts.hidden_size or _MXFP4_HIDDEN, facts.expert_size or _MXFP4_INNER
    return ceil(hidden / _MXFP4_HIDDEN) * _MXFP4_HIDDEN / hidden * ceil(inner / _MXFP4_INNER) * _MXFP4_INNER / inner
