"""How a checkpoint is quantized, as its own files say it.

Where to look, and how names are made one, is vLLM 0.32's way: transformers_utils/config.py and
model_arch_config_convertor.py, layers/quantization/compressed_tensors/compressed_tensors.py.
"""

from collections.abc import Callable, Iterable
from typing import Literal

from llmfleet_runtime.facts import QuantizationFacts

from .section import Section

_SAME = {
    **dict.fromkeys(("auto_awq", "awq_marlin"), "awq"),
    **dict.fromkeys(("auto_gptq", "gptq_marlin"), "gptq"),
    **dict.fromkeys(("auto_round", "intel/auto-round", "inc"), "auto-round"),
    "compressed_tensors": "compressed-tensors",
    "gpt_oss_mxfp4": "mxfp4",
}
_FLOATS = {"fp8": 8, "fbgemm_fp8": 8, "mxfp4": 4, "mxfp8": 8, "deepseek_v4_fp8": 8}
_MODELOPT_BITS = {"FP8": 8, "NVFP4": 4, "MXFP8": 8}
_NAMED: dict[tuple[str, int | None, str | None, int | None], str] = {
    ("float", 4, "tensor_group", 16): "NVFP4",
    ("float", 4, "group", 32): "MXFP4",
    ("float", 8, "group", 32): "MXFP8",
}
"""Type, bits, strategy and group size of compressed-tensors' weights that have a name of their own."""
_GROUPS = {"mxfp4": 32, "MXFP8": 32, "NVFP4": 16}


def quantization(config: Section, text: Section, older: Section | None) -> QuantizationFacts | None:
    """None for a checkpoint that is not quantized. ``older`` is ``hf_quant_config.json``."""
    own = _own(config, text, older)
    if own is None:
        return None
    named = (own.text("quant_method") or "").lower()
    inner = own.part("quantization") or own
    if named.startswith("modelopt") or (not named and inner.text("quant_algo")):
        return _modelopt(inner, named)
    method = _SAME.get(named, named) or "unknown"
    if method == "compressed-tensors":
        return _compressed(own)
    bits = own.found("bits", "w_bit") or _FLOATS.get(method) or (4 if own.is_set("load_in_4bit") else None)
    return QuantizationFacts(
        method=method,
        scheme=_SCHEMES[method](own) if method in _SCHEMES else None,
        weight_bits=bits,
        weight_type="float" if method in _FLOATS else "int",
        group_size=_group(own) or _GROUPS.get(method),
        activation_bits=8 if method == "fp8" else None,
        has_zero_points=bool(own.values["zero_point"]) if "zero_point" in own.values else _asymmetric(own),
        is_ordered_by_activation=bool(own.values["desc_act"]) if "desc_act" in own.values else None,
    )


def _own(config: Section, text: Section, older: Section | None) -> Section | None:
    places = (config.part("quantization_config"), older, config.part("compression_config"),
              text.part("quantization_config"))  # fmt: skip
    return next((each for each in places if each is not None and each.values), None)


def _bits(own: Section) -> str:
    return f"{own.found('bits', 'w_bit') or 4} bits"


def _gptq(own: Section) -> str:
    ordered = own.is_set("desc_act") and own.values.get("group_size") != -1
    return f"{_bits(own)} act-order" if ordered else _bits(own)


_SCHEMES: dict[str, Callable[[Section], str]] = {
    "awq": _bits,
    "gptq": _gptq,
    "auto-round": _bits,
    "fp8": lambda own: "FP8 blocks" if own.values.get("weight_block_size") else "FP8 tensor",
    "fbgemm_fp8": lambda _: "FP8 channel",
    "mxfp4": lambda _: "MXFP4",
    "mxfp8": lambda _: "MXFP8",
}


def kept_whole(config: Section, text: Section) -> tuple[str, ...]:
    """Names of modules that the checkpoint leaves unquantized, patterns left out: a stranger's are not run."""
    own = _own(config, text, None)
    if own is None:
        return ()
    names: Iterable[str] = ()
    for member in ("modules_to_not_convert", "ignore", "ignored_layers"):
        names = names or own.texts(member)
    return tuple(name for name in names if not name.startswith("re:"))


def _modelopt(inner: Section, named: str) -> QuantizationFacts:
    implied = {"modelopt_fp4": "NVFP4", "modelopt_mxfp8": "MXFP8"}.get(named, "mixed")
    algorithm = (inner.text("quant_algo") or "").upper().replace("_", " ") or implied
    stored = inner.text("kv_cache_quant_algo")
    return QuantizationFacts(
        method="modelopt",
        scheme=algorithm,
        weight_bits=_MODELOPT_BITS.get(algorithm.split(" ", maxsplit=1)[0]),
        weight_type="float",
        group_size=_group(inner) or _GROUPS.get(algorithm),
        kv_cache=_float_cache(inner) or (stored.lower() if stored else None),
    )


def _compressed(own: Section) -> QuantizationFacts:
    """The first group speaks for all sizes: vLLM takes mixed ones, and their tensors' headers tell the bytes."""
    configured = own.part("config_groups")
    groups = tuple(configured.parts()) if configured else ()
    weights = groups[0].part("weights") if groups else None
    activations = groups[0].part("input_activations") if groups else None
    schemes = {_scheme(each) for each in groups}
    return QuantizationFacts(
        method="compressed-tensors",
        scheme=schemes.pop() if len(schemes) == 1 else "mixed",
        weight_bits=weights.found("num_bits") if weights else None,
        weight_type=_kind(weights),
        group_size=_group(weights) if weights else None,
        activation_bits=activations.found("num_bits") if activations else None,
        has_zero_points=_asymmetric(weights) if weights else None,
        kv_cache=_float_cache(own),
    )


def _scheme(group: Section) -> str:
    """One of ``config_groups``: the weights, then what the activations become."""
    weights = group.part("weights") or Section(group.place, {})
    inputs = group.part("input_activations")
    kind, bits, strategy = weights.text("type") or "int", weights.found("num_bits"), weights.text("strategy")
    named = _NAMED.get((kind, bits, strategy, _group(weights)))
    if named:
        return named
    scheme = f"{'FP' if kind == 'float' else 'INT'}{bits} {strategy}"
    if inputs is None or not inputs.values:
        return f"{scheme} weight-only"
    way = "dynamic" if inputs.values.get("dynamic") else "static"
    return f"{scheme} {way} {inputs.text('type') or 'int'}{inputs.found('num_bits')} {inputs.text('strategy')}"


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
