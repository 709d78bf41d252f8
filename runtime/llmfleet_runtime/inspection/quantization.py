"""How a checkpoint is quantized, as its own files say it.

Order and names follow vLLM 0.32: ``quantization_config`` of config.json, else ``compression_config``, else
``hf_quant_config.json`` of older ModelOpt. (transformers_utils/model_arch_config_convertor.py)
"""

from collections.abc import Iterable
from typing import Literal

from llmfleet_runtime.facts import QuantizationFacts

from .section import Section

_MODELOPT = {"FP8": "modelopt", "NVFP4": "modelopt_fp4", "MXFP8": "modelopt_mxfp8"}
_FLOATS = {"fp8": 8, "fbgemm_fp8": 8, "modelopt": 8, "modelopt_mxfp8": 8, "mxfp4": 4, "gpt_oss_mxfp4": 4}
_FLOATS |= {"modelopt_fp4": 4, "deepseek_v4_fp8": 8}
_GROUPS = {"mxfp4": 32, "gpt_oss_mxfp4": 32, "modelopt_mxfp8": 32, "modelopt_fp4": 16}


def quantization(config: Section, text: Section, older: Section | None) -> QuantizationFacts | None:
    """None for a checkpoint that is not quantized. ``older`` is ``hf_quant_config.json``."""
    names = ("quantization_config", "compression_config")
    own = config.part(*names) or text.part(*names)
    if own is None and older is None:
        return None
    if own is None or own.text("quant_method") == "modelopt" or own.part("quantization"):
        return _modelopt(own or older or config)
    method = own.text("quant_method")
    if method is None:
        return None
    if method == "compressed-tensors":
        return _compressed(own)
    bits = own.found("bits", "w_bit") or _FLOATS.get(method) or (4 if own.is_set("load_in_4bit") else None)
    return QuantizationFacts(
        method=method,
        weight_bits=bits,
        weight_type="float" if method in _FLOATS else "int",
        group_size=_group(own) or _GROUPS.get(method),
        activation_bits=8 if method == "fp8" else None,
        has_zero_points=bool(own.values["zero_point"]) if "zero_point" in own.values else _asymmetric(own),
        is_ordered_by_activation=bool(own.values["desc_act"]) if "desc_act" in own.values else None,
    )


def kept_whole(config: Section, text: Section) -> tuple[str, ...]:
    """Names of modules that the checkpoint leaves unquantized, patterns left out: a stranger's are not run."""
    own = config.part("quantization_config", "compression_config") or text.part("quantization_config")
    if own is None:
        return ()
    names: Iterable[str] = ()
    for member in ("modules_to_not_convert", "ignore", "ignored_layers"):
        names = names or own.texts(member)
    return tuple(name for name in names if not name.startswith("re:"))


def _modelopt(own: Section) -> QuantizationFacts:
    inner = own.part("quantization") or own
    algorithm = inner.text("quant_algo") or "FP8"
    method = _MODELOPT.get(
        algorithm.upper(), "modelopt_mixed" if algorithm.upper() == "MIXED_PRECISION" else "modelopt"
    )
    stored = inner.text("kv_cache_quant_algo")
    return QuantizationFacts(
        method=method,
        scheme=algorithm,
        weight_bits=_FLOATS.get(method),
        weight_type="float",
        group_size=_group(inner) or _GROUPS.get(method),
        kv_cache=_float_cache(inner) or (stored.lower() if stored else None),
    )


def _compressed(own: Section) -> QuantizationFacts:
    """The first group speaks for all: vLLM takes mixed ones, and their tensors' headers tell the sizes."""
    groups = own.part("config_groups")
    first = next(groups.parts(), None) if groups else None
    weights, activations = (first.part("weights"), first.part("input_activations")) if first else (None, None)
    return QuantizationFacts(
        method="compressed-tensors",
        scheme=own.text("format"),
        weight_bits=weights.found("num_bits") if weights else None,
        weight_type=_kind(weights),
        group_size=_group(weights) if weights else None,
        activation_bits=activations.found("num_bits") if activations else None,
        has_zero_points=_asymmetric(weights) if weights else None,
        kv_cache=_float_cache(own),
    )


def _float_cache(own: Section) -> str | None:
    scheme = own.part("kv_cache_scheme")
    if scheme is None or scheme.text("type") != "float":
        return None
    return {8: "fp8", 4: "nvfp4"}.get(scheme.found("num_bits") or 0)


def _asymmetric(part: Section) -> bool | None:
    for name in ("symmetric", "sym"):
        if part.values.get(name) is not None:
            return not part.values[name]
    return None


def _kind(weights: Section | None) -> Literal["int", "float"] | None:
    found = weights.text("type") if weights else None
    return {"int": "int", "float": "float"}.get(found or "")  # type: ignore[return-value]  # because a dict's values are plain texts to mypy


def _group(part: Section) -> int | None:
    """-1 stands for a whole channel."""
    size = part.values.get("group_size", part.values.get("q_group_size"))
    return size if type(size) is int and 0 < size <= 2**20 else None
