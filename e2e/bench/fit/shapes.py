"""Tiny models that differ in what they keep for a token, and what the engine is told about memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmfleet.core.fit.settings import Lora

MIB, GIB = 2**20, 2**30

LLAMA: Mapping[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "torch_dtype": "bfloat16",
    "vocab_size": 1024,
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 32,
    "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
}
TWO_HEADS = {**LLAMA, "num_hidden_layers": 6, "num_key_value_heads": 2, "head_dim": 64}
MQA = {**LLAMA, "num_key_value_heads": 1}
FLOAT32 = {**LLAMA, "torch_dtype": "float32"}
MISTRAL = {**LLAMA, "architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": 256}
GEMMA2 = {
    **LLAMA,
    "architectures": ["Gemma2ForCausalLM"],
    "model_type": "gemma2",
    "sliding_window": 256,
    "query_pre_attn_scalar": 32,
    "hidden_activation": "gelu_pytorch_tanh",
    "attn_logit_softcapping": 50.0,
    "final_logit_softcapping": 30.0,
    "tie_word_embeddings": True,
}
QWEN = {
    **LLAMA,
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}
LATENT = {
    **LLAMA,
    "architectures": ["DeepseekV2ForCausalLM"],
    "model_type": "deepseek_v2",
    "num_key_value_heads": 8,
    "head_dim": 64,
    "q_lora_rank": None,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 128,
    "first_k_dense_replace": 1,
    "moe_layer_freq": 1,
    "topk_method": "greedy",
    "n_group": 1,
    "topk_group": 1,
    "routed_scaling_factor": 1.0,
    "scoring_func": "softmax",
    "norm_topk_prob": False,
}
STATES = {
    **LLAMA,
    "architectures": ["GraniteMoeHybridForCausalLM"],
    "model_type": "granitemoehybrid",
    "layer_types": ["mamba", "mamba", "mamba", "attention"],
    "position_embedding_type": "nope",
    "num_local_experts": 0,
    "num_experts_per_tok": 0,
    "shared_intermediate_size": 512,
    "mamba_n_heads": 16,
    "mamba_d_head": 32,
    "mamba_n_groups": 1,
    "mamba_d_state": 64,
    "mamba_d_conv": 4,
    "mamba_expand": 2,
    "mamba_chunk_size": 64,
    "embedding_multiplier": 1.0,
    "attention_multiplier": 0.1,
    "residual_multiplier": 1.0,
    "logits_scaling": 1.0,
}


@dataclass(frozen=True)
class Shape:
    """One start of the engine."""

    name: str
    config: Mapping[str, Any]
    length: int = 1024
    cache_bytes: int | None = None
    """Given as bytes; None: as a share of the machine, see ``utilization``."""
    utilization: float = 0.15
    kv_cache_dtype: str = "auto"
    lora: Lora | None = None
    total_bytes: int | None = None
    """Of the weights, where the shapes of the architecture are not known to us."""


SHAPES = (
    Shape("GQA", LLAMA, cache_bytes=64 * MIB),
    Shape("six layers, two heads", TWO_HEADS, cache_bytes=64 * MIB),
    Shape("MQA", MQA, cache_bytes=64 * MIB),
    Shape("fp32", FLOAT32, cache_bytes=64 * MIB),
    Shape("fp8 cache", LLAMA, cache_bytes=64 * MIB, kv_cache_dtype="fp8"),
    Shape("MLA", LATENT, cache_bytes=64 * MIB),
    Shape("Qwen2.5-0.5B", QWEN, 32768, cache_bytes=GIB),
    Shape("window everywhere", MISTRAL, cache_bytes=64 * MIB),
    Shape("window in half", GEMMA2, 8192, cache_bytes=64 * MIB),
    Shape("states", STATES, 8192, cache_bytes=64 * MIB, total_bytes=8 * MIB),
    Shape("GQA, by utilization", LLAMA),
    Shape("six layers, two heads, by utilization", TWO_HEADS),
    Shape("MQA, by utilization", MQA, utilization=0.1),
    Shape("fp32, by utilization", FLOAT32),
    Shape("fp8 cache, by utilization", LLAMA, kv_cache_dtype="fp8"),
    Shape("MLA, by utilization", LATENT),
    Shape("Qwen2.5-0.5B, by utilization", QWEN, 32768, utilization=0.2),
    Shape("window everywhere, by utilization", MISTRAL),
    Shape("window in half, by utilization", GEMMA2, 8192),
    Shape("window in half, fp8 cache, by utilization", GEMMA2, 8192, kv_cache_dtype="fp8"),
    Shape("states, by utilization", STATES, 8192, total_bytes=8 * MIB),
    Shape("adapters, by utilization", LLAMA, lora=Lora(4, 64)),
)
