"""How fast one replica computes: the numbers of the step-time model.

A step takes ``step + sequence * n + context * tokens in their caches + prefilled tokens / prefill_rate`` seconds, which
fits published decode data within 2 % and is the form of BLIS (inference-sim, ``defaults.yaml``) and of llm-d's
workload-variant-autoscaler.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """One model on one kind of GPU."""

    step_seconds: float
    """Weights read, layers launched."""
    sequence_seconds: float
    """For each sequence in the batch."""
    context_seconds: float
    """For each cached token that the batch attends to."""
    prefill_rate: float
    """Prompt tokens per second that are computed on top."""
    kv_tokens: int
    """Tokens that fit the cache."""
    max_sequences: int = 256
    max_batched_tokens: int = 2048
    gpus: int = 1
    """That compute as one replica."""


PROFILES = {
    "8b-a100": Profile(0.0118, 4.4e-6, 1.25e-7, 11_000, 385_000),
    "8b-h100": Profile(0.0077, 4.4e-6, 7.6e-8, 34_000, 385_000, max_batched_tokens=8192),
    "8b-l40s": Profile(0.0265, 4.4e-6, 2.95e-7, 9_000, 165_000),
    "70b-4xh100": Profile(0.0288, 2.82e-4, 9.4e-8, 9_300, 480_000, gpus=4),
    "tiny-cpu": Profile(0.003, 1.4e-4, 0.0, 20_000, 100_000, max_sequences=64, gpus=0),
}
"""8B: BLIS' coefficients on the GPUs' published bandwidth, half the peak for prefill. 70B on four H100: a fit of
Splitwise's profile (SageServe ``perf_model.csv``), 2 % error. tiny-cpu: vLLM 0.32 with a tiny model, measured."""
