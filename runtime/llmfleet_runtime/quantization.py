"""Pure: whether the weights are what was asked for and can run here, and what the engine is told to make of them.

A checkpoint that is quantized tells the engine so itself; only weights that the engine makes while it loads need an
option.
"""

from .config import Quantization
from .engines.dialect import BadConfig, Platform, is_of
from .precision import Precision, contradiction
from .unserved import SERVED_ON_CPU, VERIFIED, unserved

ON_THE_FLY = {"FP8": "fp8", "MXFP4": "mxfp4", "MXFP8": "mxfp8", "BitsAndBytes": "bitsandbytes"}
"""vLLM's ``--quantization`` by method, for GPUs (vllm/config/quantization.py)."""
ON_THE_FLY_CPU = {"FP8": "fp8_per_channel", "BitsAndBytes": "bitsandbytes"}
"""The same for CPUs, whose build lacks the kernel that ``fp8`` calls: static_scaled_fp8_quant."""


class Mismatch(BadConfig):
    """The weights are not what ``spec.quantization`` asks for."""

    reason = "QuantizationMismatch"


class Unsupported(BadConfig):
    """Weights that the engine cannot run on this machine."""

    reason = "QuantizationUnsupported"


def on_the_fly(
    wanted: Quantization | None, found: Precision, platform: Platform, *, has_adapters: bool = False
) -> str | None:
    """The engine's word for what it must make of the weights while it loads them; None to serve them as they are.

    Raises ``Mismatch`` and ``Unsupported``, which say what would work.
    """
    made = ON_THE_FLY_CPU if platform.is_cpu_build else ON_THE_FLY
    if wanted is not None and (words := contradiction(wanted.method, wanted.source, found, made)):
        raise Mismatch(words)
    if wanted is None or wanted.method in ("Auto", *found.meets):
        _refuse_what_cannot_run(found, platform, has_adapters=has_adapters)
        return None
    return made[wanted.method]


def served(wanted: Quantization | None, found: Precision, made: str | None) -> str:
    """What the served weights are, in words for the status."""
    return f"{wanted.method} made on the fly" if wanted and made else str(found)


def _refuse_what_cannot_run(found: Precision, platform: Platform, *, has_adapters: bool) -> None:
    if not is_of(platform.engine_version, VERIFIED):
        return
    cpu, amx = platform.is_cpu_build, platform.has_amx
    why = unserved(found, is_cpu_build=cpu, has_amx=amx, has_adapters=has_adapters)
    if why:
        would = f"here {', '.join(SERVED_ON_CPU)} would work" if platform.is_cpu_build else "take another checkpoint"
        raise Unsupported(f"the weights are {found}: {why}; {would}")
