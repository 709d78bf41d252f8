"""What is asked of the engine, and the defaults it takes for what is not."""

from dataclasses import dataclass
from typing import Literal

from llmfleet.api.quantization import Method
from llmfleet.api.workload import AcceleratorType
from llmfleet.core.capability import needed_to_make
from llmfleet.core.fit.accelerators import GIB, Accelerator

UTILIZATION = 0.92
"""vLLM 0.32's ``gpu_memory_utilization``."""

KV_BYTES = {"auto": None, "bfloat16": 2.0, "float16": 2.0, "float32": 4.0, "fp8": 1.0, "fp8_e4m3": 1.0, "fp8_e5m2": 1.0}
"""Bytes of one element of the cache by ``--kv-cache-dtype``; auto: the model's."""

DTYPE_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}


@dataclass(frozen=True)
class Precision:
    """How the weights of linear layers and experts are served."""

    name: str
    bits: float | None = None
    """Per weight with scales; None: as the checkpoint stores them."""
    how: Literal["stored", "on the fly", "other checkpoint"] = "stored"
    method: Method = Method.AUTO
    """What is asked of a spec for it."""

    def least(self, vendor: AcceleratorType) -> int:
        """The least generation that serves it, as ``capability`` counts them."""
        return needed_to_make(self.method, vendor)


AS_STORED = Precision("as stored")
FP8 = Precision("FP8", 8, "on the fly", Method.FP8)
"""vLLM's ``fp8``: native from 8.9, weights only below."""
INT4 = Precision("INT4", 4 + 20 / 128, "other checkpoint", Method.AWQ)
"""AWQ or GPTQ in groups of 128, with zero points."""
PRECISIONS = (AS_STORED, FP8, INT4)


@dataclass(frozen=True)
class Lora:
    """Room for adapters: ``max_loras`` and ``max_lora_rank``."""

    slots: int
    rank: int


@dataclass(frozen=True)
class Settings:
    """What is asked; None: the engine's default."""

    tensor: int = 1
    max_model_len: int | None = None
    concurrency: int = 1
    """Requests of ``max_model_len`` tokens that must have room at the same time."""
    precision: Precision = AS_STORED
    kv_cache_dtype: str = "auto"
    dtype: str = "auto"
    utilization: float = UTILIZATION
    kv_cache_bytes: int | None = None
    """``--kv-cache-memory-bytes`` per device, instead of what is left."""
    max_num_batched_tokens: int | None = None
    max_num_seqs: int | None = None
    enforce_eager: bool = False
    prefix_caching: bool = True
    lora: Lora | None = None
    learned: float = 1.0
    """What the engine had for its cache when it was last looked at, as a share of what was foretold."""


def batched_tokens(settings: Settings, accelerator: Accelerator) -> int:
    """``max_num_batched_tokens`` of an API server, as vLLM's engine/arg_utils.py sets it."""
    if settings.max_num_batched_tokens is not None:
        return settings.max_num_batched_tokens
    if accelerator.vendor == "CPU":
        return 2048 * settings.tensor
    if accelerator.memory_bytes >= 160 * GIB:
        return 16384
    return 8192 if _is_large(accelerator) else 2048


def sequences(settings: Settings, accelerator: Accelerator) -> int:
    """``max_num_seqs`` of an API server, as vLLM's engine/arg_utils.py sets it, or as many as are asked for."""
    if settings.max_num_seqs is not None:
        return settings.max_num_seqs
    usual = 128 * settings.tensor if accelerator.vendor == "CPU" else 1024 if _is_large(accelerator) else 256
    return max(usual, settings.concurrency)


def _is_large(accelerator: Accelerator) -> bool:
    return accelerator.memory_bytes >= 70 * GIB and "A100" not in accelerator.product
