"""preflight.py over the tiny model's shapes: one row for each kind of adapter that cannot be served."""

import json
import shutil

import pytest

from e2e.engine import Flaw, tiny_adapter, tiny_model
from llmfleet_runtime.base import from_config, from_headers, headless
from llmfleet_runtime.hub import shapes
from llmfleet_runtime.inspection.folder import tensors_of
from llmfleet_runtime.inspection.safetensors import Tensor
from llmfleet_runtime.preflight import AdapterRefused, check


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def examine(model, tmp_path):
    """Reason and words of the refusal of an adapter, or None."""

    def run(rank=8, max_rank=16, base=None, change=None, named=dict, **flaw):
        folder = tiny_adapter(tmp_path / "adapter", model, rank=rank, flaw=Flaw(**flaw))
        config = json.loads((folder / "adapter_config.json").read_text())
        tensors = {each.name: each for each in tensors_of(folder / "adapter_model.safetensors")}
        if change:
            change(tensors)
        try:
            known = shapes(model) if base is None else base
            check(config, tensors.values(), named(known), max_rank)
        except AdapterRefused as error:
            return error.reason, str(error)
        return None

    return run


GATE = "base_model.model.model.layers.1.mlp.gate_proj.lora_A.weight"
HEADLESS = "base_model.model."
MADE_FOR = "the adapter was made for llmfleet/tiny"


def without_gate_b(tensors):
    del tensors[GATE.replace("lora_A", "lora_B")]


def empty(tensors):
    tensors.clear()


def another_rank(tensors):
    tensors[GATE] = Tensor(GATE, "BF16", (4, 128), 1024)


REFUSED = {
    "rank above the limit": (
        {"rank": 64},
        "AdapterRankTooHigh",
        "its rank 64 exceeds lora.maxRank 16; set that to 64 (of 8, 16, 32, 64, 128, 256, 320, 512), which makes",
    ),
    "a rank between two that the engine has": ({"rank": 20}, "AdapterRankTooHigh", "maxRank 16; set that to 32 (of "),
    "a rank above all that the engine has": (
        {"rank": 1024},
        "AdapterRankTooHigh",
        "its rank 1024 exceeds lora.maxRank 16; the engine serves no rank above 512",
    ),
    "a rank for one module above the limit": ({"config": {"rank_pattern": {"up": 32}}}, "AdapterRankTooHigh", "32"),
    "a matrix above the limit that the config hides": (
        {"rank": 8, "max_rank": 4, "config": {"r": 4, "rank_pattern": {"x": 2}}},
        "AdapterRankTooHigh",
        f"{GATE}: rank 8 exceeds lora.maxRank 4",
    ),
    "narrower": (
        {"hidden": 64},
        "AdapterBaseMismatch",
        f"{GATE} is 8x64, this base model needs 8x128; {MADE_FOR}",
    ),
    "wider": ({"hidden": 256}, "AdapterBaseMismatch", f"{GATE} is 8x256, this base model needs 8x128; {MADE_FOR}"),
    "more layers": (
        {"layer": 2},
        "AdapterBaseMismatch",
        f"{GATE.replace('layers.1', 'layers.2')}: this base model has no such layer; {MADE_FOR}",
    ),
    "narrower, trained without the model's head": (
        {"hidden": 64, "outer": HEADLESS, "named": headless},
        "AdapterBaseMismatch",
        "base_model.model.layers.1.mlp.gate_proj.lora_A.weight is 8x64, this base model needs 8x128",
    ),
    "more layers, trained without the model's head": (
        {"layer": 2, "outer": HEADLESS, "named": headless},
        "AdapterBaseMismatch",
        "this base model has no such layer",
    ),
    "trained without the head of a model that generates": (
        {"outer": HEADLESS},
        "AdapterBaseMismatch",
        "would answer as if it were not there; set model.task to Embed or Score, or train it with the head",
    ),
    "the other matrix": (
        {"modules": ("gate_proj", "down_proj", "up_proj")},
        "AdapterBaseMismatch",
        "down_proj.lora_A.weight is 8x128, this base model needs 8x256",
    ),
    "another kind": ({"config": {"peft_type": "IA3"}}, "AdapterUnsupported", "peft_type is 'IA3'"),
    "DoRA": ({"config": {"use_dora": True}}, "AdapterUnsupported", "cannot serve DoRA"),
    "a bias": ({"config": {"bias": "all"}}, "AdapterUnsupported", "a bias"),
    "LoRA bias": ({"config": {"lora_bias": True}}, "AdapterUnsupported", "lora_bias"),
    "whole modules": (
        {"config": {"modules_to_save": ["embed_tokens"]}},
        "AdapterUnsupported",
        "modules_to_save: embed_tokens",
    ),
    "an initialization that changes the base": (
        {"config": {"init_lora_weights": "pissa_niter_4"}},
        "AdapterUnsupported",
        "init_lora_weights 'pissa_niter_4'",
    ),
    "aLoRA": ({"config": {"alora_invocation_tokens": [1]}}, "AdapterUnsupported", "aLoRA"),
    "replicated layers": ({"config": {"layer_replication": [[0, 1]]}}, "AdapterUnsupported", "layer_replication"),
    "block-diagonal": ({"config": {"use_bdlora": {"x": 1}}}, "AdapterUnsupported", "block-diagonal"),
    "QALoRA": ({"config": {"use_qalora": True}}, "AdapterUnsupported", "QALoRA"),
    "no rank": ({"config": {"r": None}}, "AdapterInvalid", "adapter_config.json has no r"),
    "no modules": ({"config": {"target_modules": None}}, "AdapterInvalid", "has no target_modules"),
    "a rank of none": ({"config": {"r": 0}}, "AdapterInvalid", "whole and positive"),
    "a rank in words": ({"config": {"r": "eight"}}, "AdapterInvalid", "whole and positive"),
    "another rank than told": ({"config": {"r": 4}}, "AdapterInvalid", "ranks differ: 8 and 8, adapter_config"),
    "ranks that do not meet": ({"change": another_rank}, "AdapterInvalid", "ranks differ: 4 and 8"),
    "half a pair": ({"change": without_gate_b}, "AdapterInvalid", "has one LoRA matrix and needs two"),
    "no matrices": ({"change": empty}, "AdapterInvalid", "holds no LoRA matrices"),
}


@pytest.mark.proves("S27", "S33")
@pytest.mark.parametrize("case", sorted(REFUSED))
def test_refused(case, examine):
    given, reason, words = REFUSED[case]
    found = examine(**given)
    assert found is not None
    assert (found[0], words in found[1]) == (reason, True), found


SERVED = {
    "as it should be": {},
    "the largest rank": {"rank": 16},
    "trained without the model's head": {"outer": HEADLESS, "named": headless},
    "trained with the head of a model that embeds": {"named": headless},
    "rank-stabilized": {"config": {"use_rslora": True}},
    "ranks by pattern": {"config": {"rank_pattern": {"gate_proj": 8}, "alpha_pattern": {"gate_proj": 4}}},
    "an initialization that leaves the base alone": {"config": {"init_lora_weights": "gaussian"}},
    "a classifier beside": {"config": {"modules_to_save": ["score"]}},
    "another name of the same base": {"config": {"base_model_name_or_path": "/data/models/tiny"}},
    "modules that only the engine knows": {"modules": ("gate_proj", "up_proj", "no_such_proj")},
    "nothing known of the base": {"hidden": 64, "base": {}},
}


@pytest.mark.parametrize("case", sorted(SERVED))
def test_served_or_left_to_the_engine(case, examine):
    assert examine(**SERVED[case]) is None


def test_a_base_model_that_is_stored_without_its_head_is_compared_too(model, examine):
    inner = headless(shapes(model))
    assert inner != shapes(model)
    assert examine(base=inner) is None
    assert examine(base=inner, hidden=64)[0] == "AdapterBaseMismatch"


def test_a_layer_that_keeps_its_matrix_the_other_way_round_is_no_mismatch(examine):
    base = {f"model.layers.1.mlp.{name}_proj": (128, 256) for name in ("gate", "up")}
    base["model.layers.1.mlp.down_proj"] = (256, 128)
    assert examine(base=base, config={"fan_in_fan_out": True}) is None
    assert examine(base=base)[0] == "AdapterBaseMismatch"


def test_packed_weights_are_known_by_the_config_of_a_standard_model(model, examine, tmp_path):
    folder = tmp_path / "quantized"
    shutil.copytree(model, folder)
    (folder / "model.safetensors").write_bytes(b"packed otherwise")
    known = shapes(folder)
    assert known == {name: shape for name, shape in shapes(model).items() if name in known}
    assert len(known) == 14
    assert examine(hidden=64, base=known)[0] == "AdapterBaseMismatch"


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "mamba"},
        {"model_type": "llama"},
        {"model_type": "llama", "hidden_size": "x", "intermediate_size": 1, "num_attention_heads": 0},
    ],
)
def test_a_config_that_does_not_tell_gives_nothing(config):
    assert from_config(config) == {}


def test_packed_matrices_give_no_shape():
    packed, plain = Tensor("a.weight", "U8", (8, 1), 8), Tensor("b.weight", "BF16", (8, 4), 64)
    tensors = (packed, plain, Tensor("norm.weight", "F32", (4,), 16))
    assert from_headers(tensors) == {"b": (8, 4)}
