"""Pure: what the weights of a checkpoint are, as its ``config.json`` says it.

Where to look and how names are made one is vLLM's way (0.32: transformers_utils/config.py and
model_arch_config_convertor.py, layers/quantization/compressed_tensors/compressed_tensors.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Raw = Mapping[str, Any]

_SAME = {
    **dict.fromkeys(("auto_awq", "awq_marlin"), "awq"),
    **dict.fromkeys(("auto_gptq", "gptq_marlin"), "gptq"),
    **dict.fromkeys(("auto_round", "intel/auto-round", "inc"), "auto-round"),
    "compressed_tensors": "compressed-tensors",
    "gpt_oss_mxfp4": "mxfp4",
    "modelopt_fp4": "modelopt",
    "modelopt_mxfp8": "modelopt",
}
_MEETS = {
    "": "None",
    "awq": "AWQ",
    "gptq": "GPTQ",
    "auto-round": "AutoRound",
    "compressed-tensors": "CompressedTensors",
    "bitsandbytes": "BitsAndBytes",
}
_PRECISIONS = ("FP8", "INT8", "NVFP4", "MXFP4", "MXFP8")


@dataclass(frozen=True)
class Precision:
    """What weights are: the format of the checkpoint, and within it the scheme."""

    method: str
    """``quant_method``, with one name for each format; empty for weights that are not quantized."""
    scheme: str = ""
    """Begins with the precision where that has a name; empty where nothing is known."""

    @property
    def meets(self) -> frozenset[str]:
        """The values of ``spec.quantization.method`` that ask for these weights."""
        asked = {_MEETS.get(self.method, ""), self.scheme.split(" ", 1)[0]}
        return frozenset(asked & {*_MEETS.values(), *_PRECISIONS})

    def __str__(self) -> str:
        """As ``awq, 4 bits``."""
        return ", ".join(filter(None, (self.method or "not quantized", self.scheme)))


def precision(config: Raw, separate: Raw | None = None) -> Precision:
    """What the weights are; ``separate`` is ``hf_quant_config.json``, which older ModelOpt writes beside the other."""
    found = _section(config, separate)
    if found is None:
        return Precision("")
    method = str(found.get("quant_method") or "").lower()
    modelopt = _modelopt_scheme(method, found)
    if modelopt:
        return Precision("modelopt", modelopt)
    method = _SAME.get(method, method) or "unknown"
    reader = _READERS.get(method)
    return Precision(method, reader(found) if reader else "")


def _section(config: Raw, separate: Raw | None) -> Raw | None:
    text = config.get("text_config")
    inner = text.get("quantization_config") if isinstance(text, Mapping) else None
    places = (config.get("quantization_config"), separate, config.get("compression_config"), inner)
    return next((each for each in places if isinstance(each, Mapping) and each), None)


def _modelopt_scheme(method: str, found: Raw) -> str:
    inner = found.get("quantization")
    algorithm = (inner if isinstance(inner, Mapping) else found).get("quant_algo") or ""
    if method.startswith("modelopt") or (not method and algorithm):
        implied = {"modelopt_fp4": "NVFP4", "modelopt_mxfp8": "MXFP8"}.get(method, "")
        return str(algorithm).upper().replace("_", " ") or implied or "mixed"
    return ""


def _bits(found: Raw) -> str:
    return f"{found.get('bits', found.get('w_bit', 4))} bits"


def _gptq(found: Raw) -> str:
    ordered = found.get("desc_act") and found.get("group_size") != -1
    return f"{_bits(found)} act-order" if ordered else _bits(found)


def _fp8(found: Raw) -> str:
    return "FP8 blocks" if found.get("weight_block_size") else "FP8 tensor"


def _compressed(found: Raw) -> str:
    groups = found.get("config_groups")
    each = groups.values() if isinstance(groups, Mapping) else ()
    schemes = {_group(group) for group in each if isinstance(group, Mapping)}
    return schemes.pop() if len(schemes) == 1 else "mixed"


def _group(group: Raw) -> str:
    """One of ``config_groups``: the weights, then what the activations become."""
    weights, inputs = _part(group, "weights"), _part(group, "input_activations")
    kind = (weights.get("type", "int"), weights.get("num_bits"), weights.get("strategy"), weights.get("group_size"))
    named = {("float", 4, "tensor_group", 16): "NVFP4", ("float", 4, "group", 32): "MXFP4"}
    if kind in named:
        return named[kind]
    if kind == ("float", 8, "group", 32):
        return "MXFP8"
    scheme = f"{'FP' if kind[0] == 'float' else 'INT'}{kind[1]} {kind[2]}"
    if not inputs:
        return f"{scheme} weight-only"
    way = "dynamic" if inputs.get("dynamic") else "static"
    return f"{scheme} {way} {inputs.get('type', 'int')}{inputs.get('num_bits')} {inputs.get('strategy')}"


def _part(group: Raw, member: str) -> Raw:
    part = group.get(member)
    return part if isinstance(part, Mapping) else {}


_READERS: dict[str, Callable[[Raw], str]] = {
    "awq": _bits,
    "gptq": _gptq,
    "auto-round": _bits,
    "fp8": _fp8,
    "fbgemm_fp8": lambda _: "FP8 channel",
    "compressed-tensors": _compressed,
    "mxfp4": lambda _: "MXFP4",
    "mxfp8": lambda _: "MXFP8",
}
