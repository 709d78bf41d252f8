"""The tensors that ``config.json`` implies for a known architecture, layer by layer."""

from collections.abc import Iterator
from typing import NamedTuple

from llmfleet_runtime.facts import WeightRole

from .architectures import Architecture, Shapes
from .layers import MOST_LAYERS, head_dim, kv_heads
from .section import Section


class Part(NamedTuple):
    """Tensors that stand or fall together: a linear layer with its bias, all experts of a layer."""

    name: str
    role: WeightRole
    elements: int


def parts(config: Section, architecture: Architecture, shapes: Shapes) -> Iterator[Part]:
    """Every part of the model that the engine loads. Raises ``NotSaid`` when a size is missing."""
    hidden, layers = config.number("hidden_size"), config.number("num_hidden_layers", most=MOST_LAYERS)
    matrix = config.number("vocab_size") * hidden
    yield Part("model.embed_tokens", WeightRole.EMBEDDING, matrix)
    if shapes.positions is not None:
        learned = (config.number("max_position_embeddings") + shapes.positions) * hidden
        yield Part("model.embed_positions", WeightRole.REPLICATED, learned)
    attention = tuple(_latent(config) if config.found("kv_lora_rank") else _grouped(config, shapes))
    dense, experts = tuple(_dense(config, shapes)), tuple(_experts(config, shapes))
    norm = hidden * (1 + shapes.norm_bias)
    for layer in range(layers):
        inner = experts if experts and _has_experts(config, layer) else dense
        for part in (*attention, *inner, Part("norms", WeightRole.REPLICATED, shapes.norms * norm)):
            yield part._replace(name=f"model.layers.{layer}.{part.name}")
    yield Part("model.norm", WeightRole.REPLICATED, norm)
    if not config.is_set("tie_word_embeddings", default=architecture.is_tied):
        yield Part("lm_head", WeightRole.EMBEDDING, matrix)


def _grouped(config: Section, shapes: Shapes) -> Iterator[Part]:
    hidden, width = config.number("hidden_size"), head_dim(config)
    query, key = config.number("num_attention_heads") * width, kv_heads(config) * width
    is_biased = config.is_set("attention_bias")
    input_bias, output_bias = shapes.query_bias or is_biased, is_biased and shapes.output_bias
    for name, size in (("q_proj", query), ("k_proj", key), ("v_proj", key)):
        yield Part(f"self_attn.{name}", WeightRole.LINEAR, size * (hidden + input_bias))
    biased = output_bias or (shapes.query_bias and shapes.output_bias)
    yield Part("self_attn.o_proj", WeightRole.LINEAR, hidden * (query + biased))
    if shapes.head_norms or config.is_set("use_qk_norm"):
        yield Part("self_attn.qk_norms", WeightRole.REPLICATED, 2 * width)


def _latent(config: Section) -> Iterator[Part]:
    """As in arXiv 2405.04434, section 2.1, and vLLM, models/deepseek_v2.py: the projections down are not split."""
    hidden, heads, rank = (config.number(name) for name in ("hidden_size", "num_attention_heads", "kv_lora_rank"))
    rope, plain = config.number("qk_rope_head_dim"), config.number("qk_nope_head_dim")
    value, query_rank = config.number("v_head_dim"), config.found("q_lora_rank")
    if query_rank:
        yield Part("self_attn.q_a_proj", WeightRole.REPLICATED, (hidden + 1) * query_rank)
    yield Part("self_attn.q_proj", WeightRole.LINEAR, (query_rank or hidden) * heads * (plain + rope))
    yield Part("self_attn.kv_a_proj_with_mqa", WeightRole.REPLICATED, hidden * (rank + rope) + rank)
    yield Part("self_attn.kv_b_proj", WeightRole.LINEAR, rank * heads * (plain + value))
    yield Part("self_attn.o_proj", WeightRole.LINEAR, heads * value * hidden)


def _dense(config: Section, shapes: Shapes) -> Iterator[Part]:
    hidden = config.number("hidden_size")
    inner = config.found("intermediate_size", "ffn_dim", "ffn_hidden_size") or 4 * hidden
    if shapes.is_gated:
        yield Part("mlp.gate_proj", WeightRole.LINEAR, hidden * inner)
    yield Part("mlp.up_proj", WeightRole.LINEAR, inner * (hidden + shapes.inner_bias))
    yield Part("mlp.down_proj", WeightRole.LINEAR, hidden * (inner + shapes.inner_bias))


def expert_count(config: Section) -> int | None:
    """Routed experts of a layer; None for a model without. Names as in vLLM's model_arch_config_convertor.py."""
    return config.found("num_experts", "moe_num_experts", "n_routed_experts", "num_local_experts")


def expert_inner(config: Section) -> int:
    """Inner size of one expert."""
    return config.number("moe_intermediate_size", "intermediate_size")


def shared_inner(config: Section) -> int:
    """Inner size of the experts that every token passes, 0 without."""
    found = config.found("shared_expert_intermediate_size")
    return found or (config.found("n_shared_experts") or 0) * expert_inner(config)


def _experts(config: Section, shapes: Shapes) -> Iterator[Part]:
    count = expert_count(config)
    if not count:
        return
    hidden, inner, shared = config.number("hidden_size"), expert_inner(config), shared_inner(config)
    biases = 2 * inner + hidden if shapes.inner_bias else 0
    yield Part("mlp.experts", WeightRole.EXPERT, count * (3 * hidden * inner + biases))
    correction = config.text("topk_method") == "noaux_tc" or shapes.inner_bias
    yield Part("mlp.gate", WeightRole.REPLICATED, count * (hidden + correction))
    if shared:
        yield Part("mlp.shared_experts", WeightRole.LINEAR, 3 * hidden * shared)
    if config.found("shared_expert_intermediate_size"):
        yield Part("mlp.shared_expert_gate", WeightRole.REPLICATED, hidden)


def _has_experts(config: Section, layer: int) -> bool:
    plain = config.values.get("mlp_only_layers")
    if layer < (config.found("first_k_dense_replace") or 0) or (isinstance(plain, list) and layer in plain):
        return False
    step = config.found("decoder_sparse_step", "moe_layer_freq") or 1
    return (layer + 1) % step == 0 if step > 1 else True
