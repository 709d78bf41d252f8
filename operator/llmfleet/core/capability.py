"""What generation a GPU product is of, and what generation a precision needs: data with its sources.

Unknown is unknown. Capabilities are NVIDIA's compute capabilities, times ten: 89 is 8.9.
"""

import re
from collections.abc import Mapping

from llmfleet.api.quantization import Method
from llmfleet.api.tuning import KVCacheDType

_PRODUCTS: Mapping[int, str] = {
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
"""Least capability of vLLM 0.32, of the easiest format that meets the method; files of vllm/model_executor/layers."""

_NEEDED_BY_CACHE: Mapping[KVCacheDType, int] = {
    KVCacheDType.FP8: 80,  # v1/attention/backends/flashinfer.py; flash_attn.py needs 90, triton_attn.py 89
    KVCacheDType.FP8_E5M2: 80,  # the same
    KVCacheDType.NVFP4: 80,  # flashinfer.py, _nvfp4_kv_on_fa2
}
"""Least capability with which one of vLLM 0.32's attention backends takes the type; files of vllm/."""


def capability(product: str) -> int | None:
    """The compute capability of an NVIDIA product label, times ten; None for one that is not known."""
    found = [each for each, names in _PRODUCTS.items() if re.search(rf"(^|-)({names})(-|$)", product)]
    return found[0] if len(found) == 1 else None


def needed(method: Method) -> int:
    """The least compute capability, times ten, that serves such weights."""
    return _NEEDED.get(method, 0)


def needed_by_cache(dtype: KVCacheDType) -> int:
    """The least compute capability, times ten, that serves from such a cache."""
    return _NEEDED_BY_CACHE.get(dtype, 0)


def shown(found: int) -> str:
    """As NVIDIA writes it: ``8.9``."""
    return f"{found // 10}.{found % 10}"
