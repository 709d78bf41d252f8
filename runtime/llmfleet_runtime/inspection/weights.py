"""The weights that an engine loads, by role and dtype: from headers, from the index's total, or from shapes."""

import re
from collections.abc import Iterable, Sequence
from math import ceil

from llmfleet_runtime.facts import QuantizationFacts, WeightRole, Weights

from .safetensors import Tensor
from .shapes import Part

_LAYER = re.compile(r"(?:^|\.)layers\.(\d{1,6})\.")
_ENCODERS = ("vision_tower", "visual", "vision_model", "multi_modal_projector", "audio_tower", "mlp1", "embed_vision")
_MATRICES = ("embed_tokens", "lm_head", "wte", "word_embeddings", "embed_in", "embed_out", "token_embd", "output")
_OUTPUTS = ("lm_head", "embed_out", "output")
_WHOLE = ("q_a_proj", "kv_a_proj_with_mqa", "router", "embed_positions", "position_embd")

DTYPES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}
BYTES = {"BF16": 2, "F16": 2, "F32": 4}

QUANTIZED = (WeightRole.LINEAR, WeightRole.EXPERT)
"""What quantization shrinks; methods of the mxfp4 family leave all but the experts alone."""


def from_tensors(tensors: Iterable[Tensor], layers: int | None, *, is_tied: bool) -> tuple[Weights, ...]:
    """Sum up headers. Layers past the last are a draft's, which only speculation loads; so is a tied output matrix."""
    return _summed(
        (_role(tensor), tensor.dtype, tensor.elements, tensor.bytes)
        for tensor in tensors
        if _is_loaded(tensor.name, layers, is_tied=is_tied)
    )


def from_parts(
    parts: Iterable[Part], dtype: str, quantization: QuantizationFacts | None, whole: Sequence[str]
) -> tuple[Weights, ...]:
    """Sum up shapes. ``whole`` names the modules that a quantized checkpoint leaves as they are."""
    plain, bits = DTYPES.get(dtype, "BF16"), _stored_bits(quantization)
    roles = (WeightRole.EXPERT,) if quantization and "mxfp4" in quantization.method else QUANTIZED
    return _summed(
        (part.role, plain, part.elements, part.elements * BYTES[plain])
        if bits is None or part.role not in roles or _is_whole(part.name, whole)
        else (
            part.role,
            f"{quantization.method}" if quantization else "",
            part.elements,
            ceil(part.elements * bits / 8),
        )
        for part in parts
    )


def of_total(parts: tuple[Weights, ...], total: int) -> tuple[Weights, ...]:
    """Make the sum be the index's total: the largest group takes the difference."""
    if not parts:
        return (Weights(role=WeightRole.LINEAR, dtype="Mixed", elements=0, bytes=total),)
    largest = max(parts, key=lambda each: each.bytes)
    rest = total - sum(each.bytes for each in parts if each is not largest)
    return tuple(each.model_copy(update={"bytes": max(0, rest)}) if each is largest else each for each in parts)


def _stored_bits(quantization: QuantizationFacts | None) -> float | None:
    """Bits per weight with scales (16 bit a group, 8 bit for the MX formats) and packed zero points."""
    if quantization is None or quantization.weight_bits is None:
        return None
    bits, group = quantization.weight_bits, quantization.group_size
    if group is None or quantization.weight_type == "float":
        return bits + (8 / group if group else 0)
    return bits + (16 + (bits if quantization.has_zero_points is not False else 0)) / group


def _is_whole(name: str, whole: Sequence[str]) -> bool:
    return any(
        name == each or name.startswith(f"{each}.") or ("." not in each and each in name.split(".")) for each in whole
    )


def _is_loaded(name: str, layers: int | None, *, is_tied: bool) -> bool:
    found = _LAYER.search(name)
    if name.startswith("mtp.") or (found and layers and int(found[1]) >= layers and not _is_encoder(name)):
        return False
    return not (is_tied and name.split(".")[-2:-1] and name.split(".")[-2] in _OUTPUTS)


def _is_encoder(name: str) -> bool:
    return any(each in _ENCODERS for each in name.split(".")[:3])


def _role(tensor: Tensor) -> WeightRole:
    names = tensor.name.split(".")
    if _is_encoder(tensor.name):
        return WeightRole.ENCODER
    if "experts" in names or tensor.name.endswith(("_exps.weight", "_exps.bias")):
        return WeightRole.EXPERT
    if len(names) > 1 and names[-2] in _MATRICES and "layers" not in names:
        return WeightRole.EMBEDDING
    is_router = names[-3:-1] == ["mlp", "gate"] or names[-2:-1] == ["ffn_gate_inp"]
    if len(tensor.shape) < 2 or is_router or any(each in _WHOLE for each in names):
        return WeightRole.REPLICATED
    return WeightRole.LINEAR


def _summed(each: Iterable[tuple[WeightRole, str, int, int]]) -> tuple[Weights, ...]:
    found: dict[tuple[WeightRole, str], tuple[int, int]] = {}
    for role, dtype, elements, size in each:
        before = found.get((role, dtype), (0, 0))
        found[role, dtype] = (before[0] + elements, before[1] + size)
    return tuple(
        Weights(role=role, dtype=dtype, elements=elements, bytes=size)
        for (role, dtype), (elements, size) in sorted(found.items())
    )
