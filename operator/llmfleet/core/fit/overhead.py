"""What lies beside weights and cache on a GPU: adapters exactly, the rest estimated.

The estimates are coarse on purpose: they follow what vLLM logs for public models, and a margin of a tenth is left to
the engine's own measurement. A pod's log, and ``vllm:cache_config_info``, have the truth.
"""

from llmfleet.core.fit.settings import DTYPE_BYTES, Lora
from llmfleet.core.fit.weights import model_dtype
from llmfleet_runtime.contract import LayerKind, ModelFacts

GRAPHS_BYTES, GRAPH_BYTES_PER_LAYER = 200 * 2**20, 10 * 2**20
DRIVER_BYTES = 256 * 2**20
"""What libraries take beside PyTorch on one device."""
COLLECTIVES_BYTES = 768 * 2**20
"""NCCL's buffers, and those of the all-reduce over NVLink."""
LOGIT_BYTES = 4
CPU_WORKER_BYTES = int(0.63 * 2**30)
"""vLLM 0.32's process on a CPU, started as the launcher starts it, without weights: 0.61 to 0.68 GiB were measured."""


def activation_bytes(facts: ModelFacts, tokens: int, requests: int, tensor: int) -> int | None:
    """Of the profiling step: two hidden states, three inner ones, and a row of logits for each request.

    What each chosen expert says is kept apart until it is summed. (vLLM, layers/fused_moe/fused_moe.py)
    """
    if not facts.hidden_size or not facts.intermediate_size or not facts.vocab_size:
        return None
    element = DTYPE_BYTES[model_dtype(facts, "auto")]
    states = 2 + (facts.experts_per_token or 0)
    step = tokens * (states * facts.hidden_size + 3 * facts.intermediate_size // tensor) * element
    return step + requests * facts.vocab_size * LOGIT_BYTES


def graph_bytes(facts: ModelFacts) -> int:
    """CUDA graphs: about half a gibibyte for 32 layers, one for 80."""
    return GRAPHS_BYTES + GRAPH_BYTES_PER_LAYER * sum(each.layers for each in facts.layers)


def driver_bytes(tensor: int) -> int:
    """Libraries and, with several devices, their collectives."""
    return DRIVER_BYTES + (COLLECTIVES_BYTES if tensor > 1 else 0)


def cpu_worker_bytes(facts: ModelFacts, tensor: int) -> int:
    """The process, and copies of the input and output matrices in the order that oneDNN multiplies in.

    Those of other layers replace what they were made from. (vLLM, layers/vocab_parallel_embedding.py, layers/utils.py)
    """
    matrix = (facts.vocab_size or 0) * (facts.hidden_size or 0) * DTYPE_BYTES[model_dtype(facts, "auto")]
    return CPU_WORKER_BYTES + 2 * matrix // tensor


def lora_bytes(facts: ModelFacts, lora: Lora, tensor: int) -> int | None:
    """Buffers of all slots; None where the projections' sizes are not known.

    One half of each pair is split, the other repeated: the inputs' of row-parallel layers, the outputs' of the others.
    (vLLM, lora/layers/column_parallel_linear.py, row_parallel_linear.py, fused_moe.py)
    """
    if not facts.hidden_size or not facts.heads or not facts.head_dim or not facts.intermediate_size:
        return None
    if any(each.kind not in (LayerKind.FULL, LayerKind.SLIDING) for each in facts.layers) or not facts.layers:
        return None
    hidden, query = facts.hidden_size, facts.heads * facts.head_dim
    experts, inner = (facts.experts, facts.expert_size) if facts.experts else (1, facts.intermediate_size)
    wide = 3 * (experts or 1) * (hidden + (inner or 0) // tensor)
    attention = sum(
        each.layers
        * (3 * hidden + (query + 2 * max(tensor, each.kv_heads) * facts.head_dim) // tensor + query // tensor + hidden)
        for each in facts.layers
    )
    layers = sum(each.layers for each in facts.layers)
    return lora.slots * lora.rank * (attention + layers * wide) * DTYPE_BYTES[model_dtype(facts, "auto")]
