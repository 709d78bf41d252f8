"""Pure: checkpoints that vLLM does not serve, whatever is asked, and why.

The verdicts were tried on the CPU one by one, and are tried again by ``tests/engine``. Of a checkpoint without a
verdict the engine's own words are waited for.
"""

from .precision import Precision

VERIFIED = ("0.32",)
"""Lines of vLLM's versions that the verdicts are of."""

NOWHERE: dict[Precision, str] = {
    **dict.fromkeys(
        (Precision("gptq", f"{bits} bits act-order") for bits in (2, 3, 4, 8)),
        "vLLM no longer runs GPTQ with activation order (desc_act)",  # layers/quantization/utils/gptq_utils.py
    ),
    Precision("gguf"): "vLLM no longer reads GGUF by itself; engine.type LlamaCpp serves it",
}
"""Checkpoints that no build runs, and why; without a scheme, in whichever."""
NOT_ON_CPU = frozenset(
    {
        Precision("gptq", "8 bits"),
        Precision("compressed-tensors", "INT8 channel weight-only"),
        Precision("compressed-tensors", "NVFP4"),
        Precision("compressed-tensors", "MXFP4"),
        Precision("compressed-tensors", "MXFP8"),
        Precision("modelopt", "NVFP4"),
        Precision("modelopt", "MXFP8"),
        Precision("mxfp8", "MXFP8"),
    }
)
"""Checkpoints for which the CPU build has no kernel."""
SERVED_ON_CPU = ("None", "FP8", "INT8", "AWQ", "GPTQ", "AutoRound", "CompressedTensors", "BitsAndBytes")
"""What ``spec.quantization.method`` may ask of the CPU build, each in some format."""
NEEDS_AMX = frozenset(
    {
        Precision("compressed-tensors", "FP8 block dynamic float8 group"),
        Precision("fp8", "FP8 tensor"),
        Precision("fp8", "FP8 blocks"),
        Precision("modelopt", "FP8"),
        Precision("mxfp4", "MXFP4"),
    }
)
"""Checkpoints that the CPU build runs with AMX only: vllm/model_executor/kernels/linear/scaled_mm/cpu.py.

Of mxfp4, which has no layers but experts, layers/fused_moe/experts/cpu_moe.py says so; it was not tried.
"""
NEEDS_AMX_WITH_ADAPTERS = frozenset({Precision("compressed-tensors", "INT8 channel dynamic int8 token")})
"""Checkpoints to which the CPU build without AMX can add no LoRA: their kernel leaves a layer no weight, of whose
device lora/layers/utils.py asks. With AMX the weight stays (kernels/linear/scaled_mm/cpu.py); it was not tried.
"""


def unserved(found: Precision, *, is_cpu_build: bool, has_amx: bool = True, has_adapters: bool = False) -> str:
    """Why such weights are not served; empty when nothing is known against them. ``has_amx`` is true if not known."""
    if is_cpu_build and found in NOT_ON_CPU:
        return "vLLM's CPU build has no kernel for it"
    if is_cpu_build and not has_amx and found in NEEDS_AMX:
        return "vLLM's CPU build runs it on processors with AMX only, which this one is not"
    if is_cpu_build and not has_amx and has_adapters and found in NEEDS_AMX_WITH_ADAPTERS:
        return "vLLM's CPU build runs it with adapters (lora) on processors with AMX only, which this one is not"
    return NOWHERE.get(found) or NOWHERE.get(Precision(found.method), "")
