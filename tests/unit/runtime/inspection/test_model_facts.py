"""What is read of whole models: layers, weights, quantization, and what stays unknown."""

import json
from pathlib import Path
from typing import Any

import pytest

from e2e.engine import tiny_model
from llmfleet_runtime.contract import TERMINATION_MESSAGE_BYTES
from llmfleet_runtime.facts import LayerGroup, LayerKind, ModelFacts, WeightRole, WeightsFrom
from llmfleet_runtime.inspection.folder import files_of
from llmfleet_runtime.inspection.model import Files, model_facts
from tests.unit.runtime.inspection.written import LLAMA, PUBLIC, gguf, safetensors, section

F, S, L, K = LayerKind.FULL, LayerKind.SLIDING, LayerKind.LATENT, LayerKind.STATE
TYPES = ["full_attention", "sliding_attention", "sliding_attention", "sliding_attention"]


def facts(config: dict[str, Any], **files: Any) -> ModelFacts:
    return model_facts(Files(frozenset(), config=section(config), **files))


def public(name: str) -> ModelFacts:
    entry = PUBLIC[name]
    index = section({"metadata": {"total_size": entry["total_size"]}}) if "total_size" in entry else None
    return facts(entry["config"], index=index)


def groups(found: ModelFacts) -> list[tuple[LayerKind, int, int, int, int | None]]:
    return [(each.kind, each.layers, each.kv_heads, each.head_dim, each.window) for each in found.layers]


@pytest.mark.parametrize("name", [name for name, entry in PUBLIC.items() if entry["parameters"]])
def test_the_shapes_of_a_public_model_have_as_many_parameters_as_it_is_published_with(name: str) -> None:
    found = public(name)
    if found.weights_from is WeightsFrom.INDEX:
        assert sum(each.bytes for each in found.weights) == PUBLIC[name]["total_size"]
    else:
        assert sum(each.elements for each in found.weights) == pytest.approx(PUBLIC[name]["parameters"], rel=1e-5)


@pytest.mark.parametrize("name", PUBLIC)
def test_the_document_of_a_public_model_fits_a_termination_message_twice(name: str) -> None:
    document = public(name).to_json()
    assert len(document) < TERMINATION_MESSAGE_BYTES / 2
    assert ModelFacts.model_validate_json(document) == public(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("meta-llama/Llama-2-7b-hf", [(F, 32, 32, 128, None)]),
        ("meta-llama/Llama-3.1-70B", [(F, 80, 8, 128, None)]),
        ("mistralai/Mistral-7B-v0.1", [(S, 32, 8, 128, 4096)]),
        ("Qwen/Qwen2.5-7B", [(F, 28, 4, 128, None)]),
        ("tiiuae/falcon-7b", [(F, 32, 1, 64, None)]),
        ("deepseek-ai/DeepSeek-R1", [(L, 61, 1, 576, None)]),
        ("google/gemma-2-27b-it", [(F, 23, 16, 128, None), (S, 23, 16, 128, 4096)]),
        ("google/gemma-3-27b-it", [(F, 10, 16, 128, None), (S, 52, 16, 128, 1024)]),
        ("openai/gpt-oss-120b", [(F, 18, 8, 64, None), (S, 18, 8, 64, 128)]),
        ("nvidia/NVIDIA-Nemotron-Nano-9B-v2", [(F, 4, 8, 128, None), (K, 27, 1, 0, None)]),
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", [(F, 12, 2, 256, None), (K, 36, 1, 0, None)]),
    ],
)
def test_layers_are_told_apart_by_what_they_keep(name: str, expected: list[Any]) -> None:
    assert groups(public(name)) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({"sliding_window": 256, "layer_types": TYPES}, [(F, 1), (S, 3)], id="by types"),
        pytest.param({"sliding_window": None, "layer_types": TYPES}, [(F, 4)], id="types without a window"),
        pytest.param({"architectures": ["Qwen3ForCausalLM"], "sliding_window": 256}, [(F, 4)], id="window not used"),
        pytest.param(
            {
                "architectures": ["Qwen3ForCausalLM"],
                "sliding_window": 256,
                "use_sliding_window": True,
                "max_window_layers": 3,
            },
            [(F, 3), (S, 1)],
            id="window from a layer on",
        ),
        pytest.param({"architectures": ["MistralForCausalLM"], "sliding_window": 256}, [(S, 4)], id="every layer"),
        pytest.param({"architectures": ["MistralForCausalLM"], "sliding_window": None}, [(F, 4)], id="no window"),
        pytest.param(
            {"architectures": ["Mistral3ForConditionalGeneration"], "text_config": {**LLAMA, "num_hidden_layers": 7}},
            [(F, 7)],
            id="of the text within",
        ),
        pytest.param(
            {"architectures": ["Gemma3ForCausalLM"], "sliding_window_pattern": 2, "sliding_window": 256},
            [(F, 2), (S, 2)],
            id="by a pattern",
        ),
    ],
)
def test_windows_are_laid_out_as_the_architecture_has_them(changed: dict[str, Any], expected: list[Any]) -> None:
    assert [(each.kind, each.layers) for each in facts({**LLAMA, **changed}).layers] == expected


def test_states_are_sized_as_the_engine_sizes_them() -> None:
    """Qwen3-Next: 8192 convolution channels of 3, and 32 heads of 128 by 128. (vLLM, mamba_utils.py)"""
    state = public("Qwen/Qwen3-Next-80B-A3B-Instruct").layers[1]
    assert (state.conv_elements, state.recurrent_elements, state.recurrent_dtype) == (8192 * 3, 32 * 128 * 128, None)


def test_states_of_granite_and_nemotron() -> None:
    granite = {
        **LLAMA,
        "architectures": ["GraniteMoeHybridForCausalLM"],
        "layer_types": ["mamba", "mamba", "attention", "mamba"],
        "mamba_n_heads": 48,
        "mamba_d_head": 64,
        "mamba_n_groups": 1,
        "mamba_d_state": 128,
        "mamba_d_conv": 4,
    }
    expected = LayerGroup(
        kind=K, layers=3, conv_elements=(48 * 64 + 2 * 128) * 3, recurrent_elements=48 * 64 * 128, checkpoints=1
    )
    assert facts(granite).layers[1] == expected
    assert public("nvidia/NVIDIA-Nemotron-Nano-9B-v2").layers[1].recurrent_dtype == "float32"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"architectures": ["BrandNewForCausalLM"]}, "the architecture BrandNewForCausalLM is not known"),
        ({"architectures": []}, "the architecture of config.json is not known"),
        ({"num_hidden_layers": None}, "config.json does not say num_hidden_layers"),
        ({"layer_types": ["other"] * 4, "sliding_window": 8}, "layers of the type 'other' keep is not known"),
        ({"architectures": ["Qwen3NextForCausalLM"]}, "does not say"),
        ({"architectures": ["NemotronHForCausalLM"]}, "does not say hybrid_override_pattern"),
    ],
)
def test_what_is_not_known_is_said_and_never_guessed(changed: dict[str, Any], words: str) -> None:
    found = facts({**LLAMA, **changed})
    assert found.layers == ()
    assert any(words in each for each in found.unknown), found.unknown


def test_unknown_architectures_keep_the_weights_of_their_headers(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["New"], "num_hidden_layers": 1}))
    (tmp_path / "model.safetensors").write_bytes(safetensors({"model.layers.0.thing.weight": ("BF16", (4, 4))}))
    found = model_facts(files_of(tmp_path))
    assert (found.layers, [each.bytes for each in found.weights], found.weights_from) == ((), [32], WeightsFrom.HEADERS)


def test_headers_and_shapes_agree_on_the_tiny_model(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path)
    by_header = model_facts(files_of(folder))
    (folder / "model.safetensors").unlink()
    by_shape = model_facts(files_of(folder))
    assert by_header.weights == by_shape.weights
    assert (by_header.weights_from, by_shape.weights_from) == (WeightsFrom.HEADERS, WeightsFrom.CONFIG)
    assert (by_header.has_tokenizer, by_header.has_chat_template) == (True, True)


TENSORS = {
    "model.embed_tokens.weight": ("BF16", (8, 4)),
    "lm_head.weight": ("BF16", (8, 4)),
    "model.norm.weight": ("BF16", (4,)),
    "model.layers.0.self_attn.q_proj.weight": ("BF16", (4, 4)),
    "model.layers.0.self_attn.kv_a_proj_with_mqa.weight": ("BF16", (2, 4)),
    "model.layers.0.mlp.gate.weight": ("BF16", (2, 4)),
    "model.layers.0.mlp.experts.0.up_proj.weight": ("BF16", (4, 4)),
    "model.layers.1.self_attn.q_proj.weight": ("BF16", (400, 4)),
    "mtp.layers.0.self_attn.q_proj.weight": ("BF16", (400, 4)),
    "visual.blocks.0.attn.qkv.weight": ("BF16", (3, 4)),
}


@pytest.mark.parametrize(("is_tied", "matrices"), [(False, 128), (True, 64)])
def test_tensors_are_sorted_by_what_the_engine_does_with_them(tmp_path: Path, *, is_tied: bool, matrices: int) -> None:
    """Layers past the last one belong to a draft, and a tied output matrix is not loaded."""
    config = {**LLAMA, "num_hidden_layers": 1, "tie_word_embeddings": is_tied}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(safetensors(TENSORS))
    found = {each.role: each.bytes for each in model_facts(files_of(tmp_path)).weights}
    assert found == {
        WeightRole.EMBEDDING: matrices,
        WeightRole.REPLICATED: 8 + 16 + 16,
        WeightRole.LINEAR: 32,
        WeightRole.EXPERT: 32,
        WeightRole.ENCODER: 24,
    }


def test_a_kept_header_needs_no_tensors(tmp_path: Path) -> None:
    whole = safetensors(TENSORS)
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    (tmp_path / "model.safetensors").write_bytes(whole)
    expected = model_facts(files_of(tmp_path)).weights
    (tmp_path / "model.safetensors").unlink()
    length = 8 + int.from_bytes(whole[:8], "little")
    (tmp_path / "model.safetensors.header").write_bytes(whole[:length])
    assert model_facts(files_of(tmp_path)).weights == expected


def test_with_a_shard_missing_the_total_of_the_index_counts(tmp_path: Path) -> None:
    index = {
        "metadata": {"total_size": 10_000_000},
        "weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"},
    }
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "model-1-of-2.safetensors").write_bytes(safetensors(TENSORS))
    found = model_facts(files_of(tmp_path))
    assert (sum(each.bytes for each in found.weights), found.weights_from) == (10_000_000, WeightsFrom.INDEX)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({}, 8192, id="as said"),
        pytest.param({"rope_scaling": {"rope_type": "linear", "factor": 4.0}}, 32768, id="linear counts"),
        pytest.param({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, 8192, id="llama3 is counted already"),
        pytest.param({"rope_scaling": {"type": "yarn", "factor": 4.0}}, 8192, id="yarn is counted already"),
        pytest.param(
            {"rope_scaling": {"rope_type": "longrope"}, "original_max_position_embeddings": 4096}, 4096, id="longrope"
        ),
        pytest.param({"model_max_length": 131072}, 131072, id="Command R"),
        pytest.param({"max_position_embeddings": None}, None, id="not said"),
    ],
)
def test_the_longest_context_is_the_one_the_engine_accepts(changed: dict[str, Any], expected: int | None) -> None:
    assert facts({**LLAMA, **changed}).max_positions == expected


GGUF = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.context_length": 4096,
    "llama.embedding_length": 256,
    "llama.feed_forward_length": 512,
    "llama.attention.head_count": 8,
    "llama.attention.head_count_kv": 4,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.tokens": ["a"] * 5000,
    "tokenizer.chat_template": "{{ x }}",
}
GGUF_TENSORS = {
    "token_embd.weight": (1, (256, 5000)),
    "output_norm.weight": (0, (256,)),
    "blk.0.attn_q.weight": (12, (256, 256)),
    "blk.0.ffn_up.weight": (12, (256, 512)),
}


def gguf_facts(tmp_path: Path, metadata: dict[str, Any]) -> ModelFacts:
    (tmp_path / "model.gguf").write_bytes(gguf(metadata, GGUF_TENSORS))
    return model_facts(files_of(tmp_path))


def test_gguf_metadata_tell_layers_context_and_the_commonest_type(tmp_path: Path) -> None:
    found = gguf_facts(tmp_path, GGUF)
    assert groups(found) == [(F, 2, 4, 32, None)]
    assert (found.format, found.max_positions, found.vocab_size) == ("GGUF", 4096, 5000)
    assert (found.has_tokenizer, found.has_chat_template) == (True, True)
    assert found.quantization
    assert (found.quantization.method, found.quantization.scheme) == ("gguf", "Q4_K")
    assert {each.role: each.bytes for each in found.weights} == {
        WeightRole.EMBEDDING: 256 * 5000 * 2,
        WeightRole.REPLICATED: 1024,
        WeightRole.LINEAR: (256 + 512) * 144,
    }


@pytest.mark.parametrize(
    "changed",
    [{"general.architecture": "brandnew"}, {"llama.attention.head_count_kv": [4, 8]}],
    ids=["unknown architecture", "heads that differ by layer"],
)
def test_gguf_models_that_are_not_known_keep_their_weights(tmp_path: Path, changed: dict[str, Any]) -> None:
    found = gguf_facts(tmp_path, {**GGUF, **changed})
    assert found.layers == ()
    assert found.unknown
    assert found.weights
