"""Quantized checkpoints of the tiny model, one for each format that vLLM is asked about; needs numpy, as vLLM does.

Only the linear layers of the blocks are quantized, by rounding to the nearest: the layout is that of real checkpoints,
without their calibration. Embeddings, norms and the last matrix stay as they are. vLLM 0.32 loads all these layouts
(vllm/model_executor/layers/quantization, create_weights of each method).
"""

import json
import shutil
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .rounding import (
    FP8_MOST,
    bfloat16,
    channel_scales,
    fp4_codes,
    fp8,
    from_bfloat16,
    packed,
    rounded,
    rounded_asymmetric,
)

Array = Any
Tensors = dict[str, tuple[str, Array]]
"""By name: the element type as safetensors writes it, and an array of the same bytes."""

GROUP = 32
LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
BLOCK = (64, 128)
"""Outputs and inputs; the smallest matrix has 64 outputs."""
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)


class Format(NamedTuple):
    """One way to store weights."""

    section: Mapping[str, Any]
    """``quantization_config`` of the config.json."""
    quantize: Callable[[Array], Tensors] | None
    """A float matrix (outputs, inputs) to the tensors that stand for it; None leaves the weights as they are."""


def _awq(weight: Array) -> Tensors:
    codes, scales, zeros = rounded_asymmetric(weight, 4, GROUP)
    parts = {"qweight": packed(codes.T, 4, AWQ_ORDER), "qzeros": packed(zeros.T, 4, AWQ_ORDER)}
    return {name: ("I32", part) for name, part in parts.items()} | {"scales": ("F16", scales.T.astype(np.float16))}


def _gptq(bits: int, *, is_ordered: bool = False) -> Callable[[Array], Tensors]:
    def quantize(weight: Array) -> Tensors:
        codes, scales = rounded(weight, bits, GROUP)
        outputs, inputs = weight.shape
        groups: Array = np.arange(inputs) // GROUP
        zeros = np.full((inputs // GROUP, outputs), 2 ** (bits - 1) - 1, np.uint8)  # the first version stores one less
        return {
            "qweight": ("I32", packed(codes, bits).T),
            "qzeros": ("I32", packed(zeros, bits)),
            "scales": ("F16", scales.T.astype(np.float16)),
            "g_idx": ("I32", (groups[::-1] if is_ordered else groups).astype(np.int32)),
        }

    return quantize


def _integers(bits: int, group: int | None, *, is_packed: bool) -> Callable[[Array], Tensors]:
    def quantize(weight: Array) -> Tensors:
        codes, scales = rounded(weight, bits, group or weight.shape[1])
        scale = {"weight_scale": ("BF16", bfloat16(scales))}
        if not is_packed:
            return {"weight": ("I8", (codes.astype(np.int16) - 2 ** (bits - 1)).astype(np.int8)), **scale}
        return {"weight_packed": ("I32", packed(codes, bits)), "weight_shape": ("I64", np.array(weight.shape)), **scale}

    return quantize


def _asymmetric(weight: Array) -> Tensors:
    codes, scales, zeros = rounded_asymmetric(weight, 4, GROUP)
    return {
        "weight_packed": ("I32", packed(codes, 4)),
        "weight_scale": ("BF16", bfloat16(scales)),
        "weight_zero_point": ("I32", packed(zeros.T, 4).T),
        "weight_shape": ("I64", np.array(weight.shape)),
    }


def _fp8_tensor(weight: Array) -> Tensors:
    scale = np.abs(weight).max() / FP8_MOST
    return {"weight": ("F8_E4M3", fp8(weight / scale)), "weight_scale": ("F32", np.array(scale, np.float32))}


def _fp8_static(weight: Array) -> Tensors:
    return {**_fp8_tensor(weight), "input_scale": ("F32", np.array(0.05, np.float32))}


def _fp8_channel(weight: Array) -> Tensors:
    scales = channel_scales(weight)
    return {"weight": ("F8_E4M3", fp8(weight / scales)), "weight_scale": ("F32", scales.astype(np.float32))}


def _fp8_blocks(scale_name: str) -> Callable[[Array], Tensors]:
    def quantize(weight: Array) -> Tensors:
        rows, columns = (size // part for size, part in zip(weight.shape, BLOCK, strict=True))
        scales, codes = np.zeros((rows, columns), np.float32), np.zeros_like(weight)
        for row in range(rows):
            for column in range(columns):
                outputs = slice(row * BLOCK[0], (row + 1) * BLOCK[0])
                part = outputs, slice(column * BLOCK[1], (column + 1) * BLOCK[1])
                scales[row, column] = np.abs(weight[part]).max() / FP8_MOST
                codes[part] = weight[part] / scales[row, column]
        return {"weight": ("F8_E4M3", fp8(codes)), scale_name: ("F32", scales)}

    return quantize


def _nvfp4(weight: Array) -> Tensors:
    whole = FP8_MOST * 6 / np.abs(weight).max()
    grouped = weight.reshape(weight.shape[0], -1, 16)
    scales = np.abs(grouped).max(-1) / 6 * whole
    codes = fp4_codes((grouped / (scales / whole)[..., None]).reshape(weight.shape))
    return {
        "weight_packed": ("U8", codes),
        "weight_scale": ("F8_E4M3", fp8(scales)),
        "weight_global_scale": ("F32", np.array([whole], np.float32)),
        "input_global_scale": ("F32", np.array([1.0], np.float32)),
    }


def _modelopt_nvfp4(weight: Array) -> Tensors:
    found = _nvfp4(weight)
    (_, whole), (_, inputs) = found["weight_global_scale"], found["input_global_scale"]
    return {
        "weight": found["weight_packed"],
        "weight_scale": found["weight_scale"],
        "weight_scale_2": ("F32", (1 / whole[0]).astype(np.float32)),
        "input_scale": ("F32", inputs[0]),
    }


def _microscaled(most: float) -> Callable[[Array], Tensors]:
    def quantize(weight: Array) -> Tensors:
        grouped = weight.reshape(weight.shape[0], -1, 32)
        exponents = np.ceil(np.log2(np.abs(grouped).max(-1) / most))
        values = (grouped / 2.0 ** exponents[..., None]).reshape(weight.shape)
        scale = {"weight_scale": ("U8", (exponents + 127).astype(np.uint8))}
        if most == FP8_MOST:
            return {"weight": ("F8_E4M3", fp8(values)), **scale}
        return {"weight_packed": ("U8", fp4_codes(values)), **scale}

    return quantize


def _group(layout: str, weights: Mapping[str, Any], inputs: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The section of a compressed-tensors checkpoint with one group."""
    shared = {"symmetric": True, "dynamic": False, "group_size": None, "observer": "minmax"}
    group = {"targets": ["Linear"], "weights": {**shared, **weights}, "output_activations": None}
    group["input_activations"] = {**shared, **inputs} if inputs else None
    return {
        "quant_method": "compressed-tensors",
        "format": layout,
        "quantization_status": "compressed",
        "ignore": ["lm_head"],
        "kv_cache_scheme": None,
        "global_compression_ratio": None,
        "config_groups": {"group_0": group},
    }


def _kind(bits: int, kind: str, strategy: str, **more: Any) -> dict[str, Any]:
    return {"num_bits": bits, "type": kind, "strategy": strategy, **more}


_AWQ = {"quant_method": "awq", "bits": 4, "group_size": GROUP, "version": "gemm", "zero_point": True}
_GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": False, "sym": True, "lm_head": False}
_ROUND = {"quant_method": "auto-round", "bits": 4, "group_size": GROUP, "sym": True, "data_type": "int"}
_FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic", "ignored_layers": ["lm_head"]}
_MODELOPT = {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": None, "ignore": ["lm_head"]}
_BITS = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
_TORCHAO = {"_type": "Int8WeightOnlyConfig", "_version": 1, "_data": {"group_size": None}}
_INT8_TOKENS = _kind(8, "int", "token", dynamic=True)
_FP8_TOKENS = _kind(8, "float", "token", dynamic=True)
_IN_GROUPS = _kind(4, "int", "group", group_size=GROUP)
_SIXTEENS = _kind(4, "float", "tensor_group", group_size=16)

FORMATS: dict[str, Format] = {
    "awq": Format(_AWQ, _awq),
    "gptq": Format(_GPTQ, _gptq(4)),
    "gptq8": Format({**_GPTQ, "bits": 8}, _gptq(8)),
    "gptq_actorder": Format({**_GPTQ, "desc_act": True}, _gptq(4, is_ordered=True)),
    "autoround": Format({**_ROUND, "packing_format": "auto_round:auto_gptq"}, _gptq(4)),
    "ct_w4a16": Format(_group("pack-quantized", _IN_GROUPS), _integers(4, GROUP, is_packed=True)),
    "ct_w4a16_asym": Format(_group("pack-quantized", {**_IN_GROUPS, "symmetric": False}), _asymmetric),
    "ct_w8a16": Format(_group("pack-quantized", _kind(8, "int", "channel")), _integers(8, None, is_packed=True)),
    "ct_w8a8_int8": Format(
        _group("int-quantized", _kind(8, "int", "channel"), _INT8_TOKENS), _integers(8, None, is_packed=False)
    ),
    "ct_w4a8_int": Format(_group("int-quantized", _IN_GROUPS, _INT8_TOKENS), _integers(4, GROUP, is_packed=False)),
    "ct_fp8": Format(_group("float-quantized", _kind(8, "float", "channel"), _FP8_TOKENS), _fp8_channel),
    "ct_fp8_block": Format(
        _group(
            "float-quantized",
            _kind(8, "float", "block", block_structure=list(BLOCK)),
            _kind(8, "float", "group", group_size=BLOCK[1], dynamic=True),
        ),
        _fp8_blocks("weight_scale"),
    ),
    "ct_nvfp4": Format(_group("nvfp4-pack-quantized", _SIXTEENS, {**_SIXTEENS, "dynamic": "local"}), _nvfp4),
    "ct_mxfp4": Format(_group("mxfp4-pack-quantized", _kind(4, "float", "group", group_size=32)), _microscaled(6.0)),
    "ct_mxfp8": Format(
        _group("float-quantized", {**_kind(8, "float", "group", group_size=32), "scale_dtype": "torch.uint8"}),
        _microscaled(FP8_MOST),
    ),
    "fp8": Format(_FP8, _fp8_tensor),
    "fp8_static": Format({**_FP8, "activation_scheme": "static"}, _fp8_static),
    "fp8_block": Format({**_FP8, "weight_block_size": list(BLOCK)}, _fp8_blocks("weight_scale_inv")),
    "modelopt_fp8": Format({**_MODELOPT, "producer": {"name": "modelopt", "version": "0.30"}}, _fp8_static),
    "modelopt_nvfp4": Format({**_MODELOPT, "quant_algo": "NVFP4", "group_size": 16}, _modelopt_nvfp4),
    "modelopt_mxfp8": Format({**_MODELOPT, "quant_algo": "MXFP8"}, _microscaled(FP8_MOST)),
    "mxfp8": Format({"quant_method": "mxfp8", "quant_algo": "MXFP8", "ignore": ["lm_head"]}, _microscaled(FP8_MOST)),
    "bnb4": Format({**_BITS, "bnb_4bit_compute_dtype": "bfloat16"}, None),
    "torchao_int8": Format({"quant_method": "torchao", "quant_type": {"default": _TORCHAO}}, None),
    "humming": Format({"quant_method": "humming", "b_dtype": "uint4", "weight_scale_group_size": GROUP}, None),
}
"""Every format by name. The last three have only the section: to see how the engine answers."""


def quantized_model(base: Path, target: Path, name: str) -> Path:
    """Write the model of ``base`` in the format of that name into ``target`` (made if missing) and return it."""
    target.mkdir(parents=True, exist_ok=True)
    for each in (*base.glob("tokenizer*"), *base.glob("generation*")):
        shutil.copy(each, target)
    config = json.loads((base / "config.json").read_text())
    config["quantization_config"] = FORMATS[name].section
    (target / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    quantize = FORMATS[name].quantize
    tensors: Tensors = {}
    for key, codes in _read(base / "model.safetensors").items():
        stem, _, leaf = key.rpartition(".")
        if quantize and leaf == "weight" and stem.endswith(LINEAR):
            tensors |= {f"{stem}.{part}": value for part, value in quantize(from_bfloat16(codes)).items()}
        else:
            tensors[key] = ("BF16", codes)
    _write(target / "model.safetensors", tensors)
    return target


def _read(path: Path) -> dict[str, Array]:
    """The bfloat16 tensors of a safetensors file."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    return {
        name: np.frombuffer(data[slice(*each["data_offsets"])], np.uint16).reshape(each["shape"])
        for name, each in header.items()
        if name != "__metadata__"
    }


def _write(path: Path, tensors: Tensors) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    parts, offset = [], 0
    for name, (kind, value) in tensors.items():
        raw = np.ascontiguousarray(value).tobytes()
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [offset, offset + len(raw)]}
        parts.append(raw)
        offset += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))
