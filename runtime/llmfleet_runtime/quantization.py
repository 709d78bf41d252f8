"""Pure: whether the weights are what was asked for and can run here, and what the engine is told to make of them.

A checkpoint that is quantized tells the engine so itself; only weights that the engine makes while it loads need an
option. The verdicts are of vLLM 0.32: tried on the CPU one by one, and tried again by ``tests/engine``. Of a
checkpoint without a verdict the engine's own words are waited for.
"""

from .config import Quantization
from .engines.dialect import BadConfig, Platform
from .precision import Precision, contradiction

ENGINE_VERSION = "0.32."
"""Begins the versions that the verdicts are of."""

ON_THE_FLY = {"FP8": "fp8", "MXFP4": "mxfp4", "MXFP8": "mxfp8", "BitsAndBytes": "bitsandbytes"}
"""vLLM's ``--quantization`` by method, for GPUs (vllm/config/quantization.py)."""
ON_THE_FLY_CPU = {"FP8": "fp8_per_channel", "BitsAndBytes": "bitsandbytes"}
"""The same for CPUs, whose build lacks the kernel that ``fp8`` calls: static_scaled_fp8_quant."""

NOWHERE: dict[Precision, str] = {
    **dict.fromkeys(
        (Precision("gptq", f"{bits} bits act-order") for bits in (2, 3, 4, 8)),
        "vLLM no longer runs GPTQ with activation order (desc_act)",  # layers/quantization/utils/gptq_utils.py
    ),
    Precision("gguf"): "vLLM no longer reads GGUF by itself",
}
"""Checkpoints that no build runs, and why."""
NOT_ON_CPU = frozenset(
    {
        Precision("gptq", "8 bits"),
        Precision("compressed-tensors", "INT8 channel weight-only"),
        Precision("compressed-tensors", "NVFP4"),
        Precision("compressed-tensors", "MXFP4"),
        Precision("compressed-tensors", "MXFP8"),
        Precision("modelopt", "NVFP4"),
        Precision("modelopt", "MXFP8"),
        Precision("mxfp4", "MXFP4"),
        Precision("mxfp8", "MXFP8"),
    }
)
"""Checkpoints for which the CPU build has no kernel."""
NEEDS_AMX = frozenset(
    {
        Precision("compressed-tensors", "FP8 block dynamic float8 group"),
        Precision("fp8", "FP8 tensor"),
        Precision("fp8", "FP8 blocks"),
        Precision("modelopt", "FP8"),
    }
)
"""Checkpoints that the CPU build runs with AMX only: vllm/model_executor/kernels/linear/scaled_mm/cpu.py."""


class Mismatch(BadConfig):
    """The weights are not what ``spec.quantization`` asks for."""

    reason = "QuantizationMismatch"


class Unsupported(BadConfig):
    """Weights that the engine cannot run on this machine."""

    reason = "QuantizationUnsupported"


def on_the_fly(wanted: Quantization | None, found: Precision, platform: Platform) -> str | None:
    """The engine's word for what it must make of the weights while it loads them; None to serve them as they are.

    Raises ``Mismatch`` and ``Unsupported``, which say what would work.
    """
    made = ON_THE_FLY_CPU if platform.is_cpu_build else ON_THE_FLY
    if wanted is not None and (words := contradiction(wanted.method, wanted.source, found, made)):
        raise Mismatch(words)
    if wanted is None or wanted.method in ("Auto", *found.meets):
        _refuse_what_cannot_run(found, platform)
        return None
    return made[wanted.method]


def served(wanted: Quantization | None, found: Precision, made: str | None) -> str:
    """What the served weights are, in words for the status."""
    return f"{wanted.method} made on the fly" if wanted and made else str(found)


def _refuse_what_cannot_run(found: Precision, platform: Platform) -> None:
    if not platform.engine_version.startswith(ENGINE_VERSION):
        return
    why = NOWHERE.get(found)
    if platform.is_cpu_build and found in NOT_ON_CPU:
        why = "vLLM's CPU build has no kernel for it"
    elif platform.is_cpu_build and not platform.has_amx and found in NEEDS_AMX:
        why = "vLLM's CPU build runs it on processors with AMX only, which this one is not"
    if why:
        raise Unsupported(f"the weights are {found}: {why}; take a checkpoint that is quantized otherwise")
