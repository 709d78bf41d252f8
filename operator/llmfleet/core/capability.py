"""What generation a GPU product is of, and what generation a precision needs: data with its sources.

Unknown is unknown. Generations are NVIDIA's compute capabilities, times ten: 89 is 8.9; of AMD's the number that vLLM
makes of the architecture: 94 is gfx942. Sources without a place are files of vLLM 0.32 below vllm/, against which
``tests/engine`` holds them.
"""

import re
from collections.abc import Mapping

from llmfleet.api.quantization import Method
from llmfleet.api.tuning import KVCacheDType
from llmfleet.api.workload import AcceleratorType
from llmfleet_runtime.contract import Precision

_NVIDIA: Mapping[int, str] = {
    60: r"P100",
    61: r"P4|P40|P6|GeForce-GTX-10\d\d",
    70: r"V100|V100S|TITAN-V",
    75: r"T4|T4G|TITAN-RTX|GeForce-RTX-20\d\d|Quadro-RTX-[34568]000",
    80: r"A100|A100X|A800|A30|A30X",
    86: r"A2|A10|A10G|A10M|A16|A40|RTX-A\d{3,4}|GeForce-RTX-30\d\d",
    89: r"L2|L4|L20|L40|L40G|L40S|GeForce-RTX-40\d\d|RTX-[2456]\d00(-SFF)?-Ada",
    90: r"H20|H100|H200|H800|GH200",
    100: r"B100|B200|GB200",
    103: r"B300|GB300",
    120: r"GeForce-RTX-50\d\d|RTX-PRO-\d{4}",
    121: r"GB10",
}
"""https://developer.nvidia.com/cuda-gpus and cuda-legacy-gpus, by the model's name within the label that GPU feature
discovery makes of the product's name: ``NVIDIA-A100-SXM4-40GB``, ``Tesla-T4``, ``NVIDIA-L4-SHARED``."""

_AMD: Mapping[int, str] = {90: r"MI210|MI250X?", 94: r"MI300[AX]|MI308X|MI325X", 95: r"MI35[05]X"}
"""https://rocm.docs.amd.com/en/latest/reference/gpu-arch-specs.html, by the model's name within the label that AMD's
node labeller makes of the product's name: ``AMD_Instinct_MI300X_OAM``."""
_PRODUCTS = {AcceleratorType.NVIDIA: _NVIDIA, AcceleratorType.AMD: _AMD}
_CDNA = {90: "CDNA2", 94: "CDNA3", 95: "CDNA4"}

_NEEDED: Mapping[Method, int] = {
    Method.FP8: 75,  # layers/quantization/fp8.py; native from 89 on, weight-only by Marlin below
    Method.INT8: 75,  # compressed_tensors/schemes/compressed_tensors_w8a8_int8.py, .._wNa16.py
    Method.AWQ: 75,  # auto_awq.py
    Method.GPTQ: 75,  # auto_gptq.py says 60, its only kernels need 75: kernels/linear/mixed_precision/marlin.py
    Method.AUTO_ROUND: 75,  # inc/inc.py says 60, with the kernels of GPTQ
    Method.COMPRESSED_TENSORS: 70,  # compressed_tensors/compressed_tensors.py
    Method.NVFP4: 75,  # modelopt.py, compressed_tensors_w4a4_nvfp4.py; native from 100 on, Marlin below
    Method.MXFP4: 80,  # mxfp4.py, compressed_tensors_w4a4_mxfp4.py
    Method.MXFP8: 75,  # compressed_tensors_w8a8_mxfp8.py
    Method.BITS_AND_BYTES: 70,  # vllm-bnb-plugin 0.0.3
}
"""Least compute capability of the easiest format that meets the method; files of model_executor/layers."""

_SURE_ON_AMD: Mapping[Method, int] = {
    Method.FP8: 94,  # whatever its format, see _FP8_ON_AMD
    Method.MXFP4: 95,  # kernels/linear/mxfp4/aiter.py; below emulated, where the image has amd-quark: emulation.py
}
"""From which generation of AMD's on a method is sure to run; of the others all formats do, some emulated.

platforms/rocm.py, supported_quantization, has the name of each; a plugin adds its own.
"""

_SCHEMES: Mapping[str, tuple[tuple[str, int], ...]] = {
    "awq": (("", 75),),  # auto_awq.py
    "gptq": (("", 75),),  # see _NEEDED
    "auto-round": (("", 75),),  # see _NEEDED
    "fp8": (("", 75),),  # fp8.py
    "deepseek_v4_fp8": (("", 75),),  # its class is one of fp8.py's
    "fbgemm_fp8": (("", 80),),  # fbgemm_fp8.py
    "modelopt": (("FP8|MXFP8", 80), ("", 75)),  # modelopt.py
    "mxfp4": (("", 80),),  # mxfp4.py
    "mxfp8": (("", 80),),  # modelopt.py, whose class it is given to
    "bitsandbytes": (("", 70),),  # vllm-bnb-plugin 0.0.3
    "torchao": (("", 75),),  # torchao.py
    "humming": (("", 75),),  # humming.py
    "experts_int8": (("", 80),),  # experts_int8.py
    "moe_wna16": (("", 70),),  # moe_wna16.py
    "fp_quant": (("", 100),),  # fp_quant.py
    "quark": (("", 70),),  # quark/quark.py
    "compressed-tensors": (  # compressed_tensors/schemes: .._wNa16.py
        (r"INT\d \w+ weight-only", 75),
        (r"INT4 .*float8", 90),  # .._w4a8_fp8.py
        (r"INT8 .*int8", 75),  # .._w8a8_int8.py
        ("FP8|NVFP4|MXFP8", 75),  # .._w8a16_fp8.py, .._w4a4_nvfp4.py, .._w8a8_mxfp8.py
        ("MXFP4", 80),  # .._w4a4_mxfp4.py
        ("", 70),
    ),
}
"""Least compute capability of a checkpoint: its format, then schemes by how they begin; get_min_capability of the class
in model_executor/layers/quantization."""

NEVER = 10_000
"""Of no generation."""
_FP8_ON_AMD = 94
"""Weights and activations: kernels/linear/scaled_mm/rocm.py, pytorch.py; for blocks all have one: triton.py."""
_SCHEMES_ON_AMD: Mapping[str, tuple[tuple[str, int], ...]] = {
    "fp8": (("FP8 tensor", _FP8_ON_AMD),),
    "fbgemm_fp8": (("", _FP8_ON_AMD),),
    "modelopt": (("FP8$|FP8 PER CHANNEL", _FP8_ON_AMD),),
    "compressed-tensors": (
        (r"FP8 \w+ weight-only", NEVER),  # kernels/linear/__init__.py, _POSSIBLE_WFP8A16_KERNELS
        (r"FP8 (tensor|channel) .*float8", _FP8_ON_AMD),
    ),
    **dict.fromkeys(("experts_int8", "fp_quant", "humming", "moe_wna16"), (("", NEVER),)),
}
"""The same for AMD's generations; the last are not in platforms/rocm.py, supported_quantization."""

_MADE: Mapping[Method, Precision] = {Method.FP8: Precision("fp8", "FP8 tensor")}
"""What the engine makes while loading, where the format decides."""

_PRODUCED: Mapping[Method, Precision] = {
    Method.FP8: Precision("compressed-tensors", "FP8 channel dynamic float8 token")
}
"""What our own Job makes, where the format decides: llmfleet_runtime/quantizing/recipes.py."""

_NEEDED_BY_CACHE: Mapping[KVCacheDType, int] = {
    KVCacheDType.FP8: 80,  # v1/attention/backends/flashinfer.py; flash_attn.py needs 90, triton_attn.py 89
    KVCacheDType.FP8_E5M2: 80,  # the same
    KVCacheDType.NVFP4: 80,  # flashinfer.py, _nvfp4_kv_on_fa2
    KVCacheDType.INT8_PER_TOKEN_HEAD: 0,  # triton_attn.py takes it on each; its check for 89 is of fp8 alone
}
"""Least capability with which one of the attention backends takes the type. AMD's take FP8 and INT8 on each
(rocm_attn.py, triton_attn.py), and NVFP4 the API server refuses."""


def generation(product: str, vendor: AcceleratorType = AcceleratorType.NVIDIA) -> int | None:
    """Of a product label; None for one that is not known."""
    products = _PRODUCTS.get(vendor, {})
    found = [each for each, names in products.items() if re.search(rf"(^|[-_])({names})([-_]|$)", product)]
    return found[0] if len(found) == 1 else None


def needed(method: Method, vendor: AcceleratorType = AcceleratorType.NVIDIA) -> int:
    """The least generation that serves such weights in some format; 0 where all do."""
    return _NEEDED.get(method, 0) if vendor is AcceleratorType.NVIDIA else 0


def needed_by_cache(dtype: KVCacheDType, vendor: AcceleratorType = AcceleratorType.NVIDIA) -> int:
    """The least generation that serves from such a cache."""
    return _NEEDED_BY_CACHE.get(dtype, 0) if vendor is AcceleratorType.NVIDIA else 0


def needed_by_checkpoint(found: Precision, vendor: AcceleratorType) -> int:
    """The least generation that serves weights of this format; 0 where nothing is known."""
    schemes = _SCHEMES_ON_AMD if vendor is AcceleratorType.AMD else _SCHEMES
    return next((least for begin, least in schemes.get(found.method, ()) if re.match(begin, found.scheme)), 0)


def needed_to_make(method: Method, vendor: AcceleratorType) -> int:
    """The least generation that serves what is made of unquantized weights while they are loaded."""
    return _needed(method, _MADE.get(method), vendor)


def needed_to_produce(method: Method, vendor: AcceleratorType) -> int:
    """The least generation that serves the checkpoint that is made for the method."""
    return _needed(method, _PRODUCED.get(method), vendor)


def _needed(method: Method, made: Precision | None, vendor: AcceleratorType) -> int:
    return max(needed(method, vendor), needed_by_checkpoint(made, vendor) if made else 0)


def working(least: int, vendor: AcceleratorType) -> tuple[Method, ...]:
    """The methods that a generation is sure to serve."""
    table = _SURE_ON_AMD if vendor is AcceleratorType.AMD else _NEEDED
    return tuple(each for each in Method if each is not Method.AUTO and table.get(each, 0) <= least)


def shown(found: int, vendor: AcceleratorType = AcceleratorType.NVIDIA) -> str:
    """As its maker writes it: ``8.9``, ``CDNA3``."""
    return _CDNA.get(found, "") if vendor is AcceleratorType.AMD else f"{found // 10}.{found % 10}"


def requirement(least: int, vendor: AcceleratorType) -> str:
    """A generation as something is said to need it."""
    if least >= NEVER:
        return f"a GPU of another vendor than {vendor}"
    return f"compute capability {shown(least)}" if vendor is AcceleratorType.NVIDIA else shown(least, vendor)
