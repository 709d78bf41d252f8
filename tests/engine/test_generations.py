"""The tables of what a GPU's generation serves are what the installed engine's own sources say."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from llmfleet.api.workload import AcceleratorType
from llmfleet.core.capability import NEVER, needed_by_checkpoint
from llmfleet_runtime.precision import Precision

NVIDIA, AMD = AcceleratorType.NVIDIA, AcceleratorType.AMD
SCHEMES = "compressed_tensors/schemes/compressed_tensors_"
ROWS = [
    ("awq", "4 bits", "auto_awq.py", "AutoAWQConfig"),
    ("fp8", "FP8 tensor", "fp8.py", "Fp8Config"),
    ("fbgemm_fp8", "FP8 channel", "fbgemm_fp8.py", "FBGEMMFp8Config"),
    ("modelopt", "FP8", "modelopt.py", "ModelOptFp8Config"),
    ("modelopt", "NVFP4", "modelopt.py", "ModelOptNvFp4Config"),
    ("modelopt", "MXFP8", "modelopt.py", "ModelOptMxFp8Config"),
    ("mxfp4", "MXFP4", "mxfp4.py", "Mxfp4Config"),
    ("mxfp8", "MXFP8", "modelopt.py", "ModelOptMxFp8Config"),
    ("torchao", "", "torchao.py", "TorchAOConfig"),
    ("humming", "", "humming.py", "HummingConfig"),
    ("experts_int8", "", "experts_int8.py", "ExpertsInt8Config"),
    ("moe_wna16", "", "moe_wna16.py", "MoeWNA16Config"),
    ("fp_quant", "", "fp_quant.py", "FPQuantConfig"),
    ("quark", "", "quark/quark.py", "QuarkConfig"),
    ("compressed-tensors", "mixed", "compressed_tensors/compressed_tensors.py", "CompressedTensorsConfig"),
    ("compressed-tensors", "INT4 group dynamic float8 token", f"{SCHEMES}w4a8_fp8.py", "CompressedTensorsW4A8Fp8"),
    ("compressed-tensors", "INT8 channel dynamic int8 token", f"{SCHEMES}w8a8_int8.py", "CompressedTensorsW8A8Int8"),
    ("compressed-tensors", "FP8 channel weight-only", f"{SCHEMES}w8a16_fp8.py", "CompressedTensorsW8A16Fp8"),
    ("compressed-tensors", "NVFP4", f"{SCHEMES}w4a4_nvfp4.py", "CompressedTensorsW4A4Fp4"),
    ("compressed-tensors", "MXFP8", f"{SCHEMES}w8a8_mxfp8.py", "CompressedTensorsW8A8Mxfp8"),
    ("compressed-tensors", "MXFP4", f"{SCHEMES}w4a4_mxfp4.py", "CompressedTensorsW4A4Mxfp4"),
    ("compressed-tensors", "INT4 group weight-only", f"{SCHEMES}wNa16.py", "CompressedTensorsWNA16"),
]
"""Format, scheme, and the class whose least capability counts."""


@pytest.fixture(scope="module")
def vllm(python):
    """The folder of the installed package."""
    words = "import importlib.util as u; print(u.find_spec('vllm').submodule_search_locations[0])"
    return Path(subprocess.run([python, "-c", words], capture_output=True, text=True, check=True).stdout.strip())


def least(path, name):
    """What the class's ``get_min_capability`` returns."""
    (found,) = (each for each in ast.parse(path.read_text()).body if getattr(each, "name", "") == name)
    (method,) = (each for each in found.body if getattr(each, "name", "") == "get_min_capability")
    return method.body[-1].value.value


@pytest.mark.parametrize(("method", "scheme", "file", "name"), ROWS, ids=[f"{row[0]} {row[1]}" for row in ROWS])
def test_what_a_format_needs_is_what_its_class_says(vllm, method, scheme, file, name):
    expected = least(vllm / "model_executor/layers/quantization" / file, name)
    assert needed_by_checkpoint(Precision(method, scheme), NVIDIA) == expected


@pytest.mark.parametrize("method", ["gptq", "auto-round"])
def test_four_bits_need_what_their_kernel_says(vllm, method):
    kernel = least(vllm / "model_executor/kernels/linear/mixed_precision/marlin.py", "MarlinLinearKernel")
    assert needed_by_checkpoint(Precision(method, "4 bits"), NVIDIA) == kernel


def test_what_amds_platform_does_not_list_is_refused_there_and_the_rest_is_not(vllm):
    text = (vllm / "platforms/rocm.py").read_text()
    listed = {*re.findall(r'"([\w-]+)"', text.split("supported_quantization: list[str] = [")[1].split("]")[0])}
    assert {"awq", "gptq", "inc", "fp8", "compressed-tensors", "modelopt", "modelopt_fp4", "mxfp4", "mxfp8"} <= listed
    methods = {row[0] for row in ROWS}
    refused = {each for each in methods if needed_by_checkpoint(Precision(each), AMD) >= NEVER}
    assert refused == methods - listed


def test_fp8_on_amd_is_what_its_kernels_say(vllm):
    kernels = vllm / "model_executor/kernels/linear"
    assert "if get_cdna_version() <= 2 and not on_gfx12x():" in (kernels / "scaled_mm/rocm.py").read_text()
    assert "return on_gfx942() or on_gfx950()" in (kernels / "scaled_mm/pytorch.py").read_text()
    weight_only = (kernels / "__init__.py").read_text().split("_POSSIBLE_WFP8A16_KERNELS")[1]
    assert re.search(r"PlatformEnum\.ROCM: \[\s*# To be added\s*\]", weight_only)
    assert needed_by_checkpoint(Precision("fp8", "FP8 tensor"), AMD) == 94
    assert needed_by_checkpoint(Precision("compressed-tensors", "FP8 channel weight-only"), AMD) == NEVER


def test_int8_caches_are_taken_on_every_generation(vllm):
    text = (vllm / "v1/attention/backends/triton_attn.py").read_text()
    assert '"int8_per_token_head"' in text.split("supported_kv_cache_dtypes")[1].split("]\n")[0]
    capability = text.split("def supports_compute_capability")[1].split("\n\n")[0]
    assert capability.rstrip().endswith("return True")
