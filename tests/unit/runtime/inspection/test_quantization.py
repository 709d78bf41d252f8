"""How a checkpoint says that it is quantized, and what that makes of its weights."""

from typing import Any

import pytest

from llmfleet_runtime.facts import QuantizationFacts, WeightRole
from llmfleet_runtime.inspection.model import Files, model_facts
from tests.unit.runtime.inspection.written import LLAMA, section


def found(own: dict[str, Any] | None, **files: Any) -> QuantizationFacts | None:
    config = LLAMA if own is None else {**LLAMA, "quantization_config": own}
    return model_facts(Files(frozenset(), config=section(config), **files)).quantization


def compressed(weights: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights, **more}}}


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (None, None),
        ({}, None),
        ({"quant_method": None}, QuantizationFacts(method="unknown", weight_type="int")),
        (
            {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True},
            QuantizationFacts(
                method="awq", scheme="4 bits", weight_bits=4, weight_type="int", group_size=128, has_zero_points=True
            ),
        ),
        (
            {"quant_method": "gptq", "bits": 8, "group_size": -1, "desc_act": True, "sym": True},
            QuantizationFacts(
                method="gptq",
                scheme="8 bits",
                weight_bits=8,
                weight_type="int",
                has_zero_points=False,
                is_ordered_by_activation=True,
            ),
        ),
        (
            {"quant_method": "fp8", "weight_block_size": [128, 128]},
            QuantizationFacts(method="fp8", scheme="FP8 blocks", weight_bits=8, weight_type="float", activation_bits=8),
        ),
        (
            {"quant_method": "mxfp4"},
            QuantizationFacts(method="mxfp4", scheme="MXFP4", weight_bits=4, weight_type="float", group_size=32),
        ),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True},
            QuantizationFacts(method="bitsandbytes", weight_bits=4, weight_type="int"),
        ),
        (
            compressed({"num_bits": 4, "type": "int", "strategy": "group", "symmetric": False, "group_size": 32}),
            QuantizationFacts(
                method="compressed-tensors",
                scheme="INT4 group weight-only",
                weight_bits=4,
                weight_type="int",
                group_size=32,
                has_zero_points=True,
            ),
        ),
        (
            {
                **compressed(
                    {"num_bits": 8, "type": "float", "strategy": "channel"},
                    input_activations={"num_bits": 8, "strategy": "token", "dynamic": True},
                ),
                "format": "float-quantized",
                "kv_cache_scheme": {"num_bits": 8, "type": "float"},
            },
            QuantizationFacts(
                method="compressed-tensors",
                scheme="FP8 channel dynamic int8 token",
                weight_bits=8,
                weight_type="float",
                activation_bits=8,
                kv_cache="fp8",
            ),
        ),
        ({"quant_method": "brandnew"}, QuantizationFacts(method="brandnew", weight_type="int")),
    ],
)
def test_a_checkpoint_says_how_it_is_quantized(own: dict[str, Any] | None, expected: QuantizationFacts | None) -> None:
    assert found(own) == expected


def test_older_modelopt_says_it_in_a_file_of_its_own() -> None:
    older = section({"quantization": {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8", "group_size": 16}})
    assert found(None, quant_config=older) == QuantizationFacts(
        method="modelopt", scheme="NVFP4", weight_bits=4, weight_type="float", group_size=16, kv_cache="fp8"
    )


LINEAR = 4 * (256 * 256 * 2 + 256 * 128 * 2 + 3 * 256 * 512)


@pytest.mark.parametrize(
    ("own", "bits"),
    [
        pytest.param({"quant_method": "fp8"}, 8, id="8 bit"),
        pytest.param({"quant_method": "awq", "bits": 4, "group_size": 128}, 4 + 20 / 128, id="0.5195 bytes at 128"),
        pytest.param({"quant_method": "awq", "bits": 4, "group_size": 32}, 4 + 20 / 32, id="0.578 bytes at 32"),
        pytest.param(
            compressed({"num_bits": 4, "type": "int", "symmetric": True, "group_size": 128}),
            4 + 16 / 128,
            id="no zeros",
        ),
        pytest.param({"quant_method": "modelopt_fp4", "producer": {}}, 4.5, id="0.5625 bytes in NVFP4"),
    ],
)
def test_shapes_become_the_bytes_of_the_method(own: dict[str, Any], bits: float) -> None:
    config = section({**LLAMA, "quantization_config": own})
    sizes = {each.role: each.bytes for each in model_facts(Files(frozenset(), config=config)).weights}
    assert sizes[WeightRole.LINEAR] == pytest.approx(LINEAR * bits / 8, rel=1e-6)
    assert sizes[WeightRole.EMBEDDING] == 2 * 2048 * 256 * 2


@pytest.mark.parametrize(
    ("kept", "whole"),
    [
        (["model.layers.0.self_attn.q_proj"], 256 * 256),
        (["model.layers.0.mlp"], 3 * 256 * 512),
        (["down_proj"], 4 * 256 * 512),
        (["re:.*"], 0),
        (["model.layers.0.mlp.gate"], 0),
    ],
)
def test_modules_left_whole_keep_their_size_and_patterns_are_not_run(kept: list[str], whole: int) -> None:
    config = section({**LLAMA, "quantization_config": {"quant_method": "fp8", "modules_to_not_convert": kept}})
    weights = model_facts(Files(frozenset(), config=config)).weights
    assert sum(each.bytes for each in weights if each.role is WeightRole.LINEAR) == LINEAR + whole


def test_a_method_whose_bits_are_not_known_leaves_the_weights_unknown() -> None:
    config = section({**LLAMA, "quantization_config": {"quant_method": "brandnew"}})
    facts = model_facts(Files(frozenset(), config=config))
    assert (facts.weights, facts.unknown) == ((), ("weights: how many bits brandnew stores is not said",))
