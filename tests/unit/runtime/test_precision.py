"""What a checkpoint says its weights are, in the words of verdicts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmfleet_runtime.inspection.errors import BadModel
from llmfleet_runtime.inspection.quantization import quantization
from llmfleet_runtime.inspection.section import Section
from llmfleet_runtime.precision import Precision, precision


def described(config, separate=None):
    """As the files of a checkpoint describe it."""
    found = Section("config.json", config)
    older = Section("hf_quant_config.json", separate) if separate else None
    return precision(quantization(found, found.part("text_config") or found, older))


def group(weights, inputs=None, **others):
    return {"config_groups": {"a": {"weights": weights, "input_activations": inputs}}, **others}


def ct(weights, inputs=None):
    return {"quant_method": "compressed-tensors", **group(weights, inputs)}


def kind(bits, name, strategy, **more):
    return {"num_bits": bits, "type": name, "strategy": strategy, **more}


TOKENS = {"dynamic": True, "strategy": "token"}
CASES = [
    (None, Precision(""), {"None"}),
    ({}, Precision(""), {"None"}),
    ({"quant_method": "awq", "bits": 4}, Precision("awq", "4 bits"), {"AWQ"}),
    ({"quant_method": "awq", "w_bit": 4}, Precision("awq", "4 bits"), {"AWQ"}),
    ({"quant_method": "gptq", "bits": 4, "desc_act": False}, Precision("gptq", "4 bits"), {"GPTQ"}),
    ({"quant_method": "gptq", "bits": 8}, Precision("gptq", "8 bits"), {"GPTQ"}),
    ({"quant_method": "gptq_marlin", "bits": 4}, Precision("gptq", "4 bits"), {"GPTQ"}),
    (
        {"quant_method": "gptq", "bits": 4, "desc_act": True, "group_size": 128},
        Precision("gptq", "4 bits act-order"),
        {"GPTQ"},
    ),
    (
        {"quant_method": "gptq", "bits": 4, "desc_act": True, "group_size": -1},
        Precision("gptq", "4 bits"),
        {"GPTQ"},
    ),
    ({"quant_method": "auto-round", "bits": 4}, Precision("auto-round", "4 bits"), {"AutoRound"}),
    ({"quant_method": "intel/auto-round", "bits": 4}, Precision("auto-round", "4 bits"), {"AutoRound"}),
    ({"quant_method": "fp8"}, Precision("fp8", "FP8 tensor"), {"FP8"}),
    ({"quant_method": "fp8", "weight_block_size": [128, 128]}, Precision("fp8", "FP8 blocks"), {"FP8"}),
    ({"quant_method": "fbgemm_fp8"}, Precision("fbgemm_fp8", "FP8 channel"), {"FP8"}),
    ({"quant_method": "modelopt", "quant_algo": "FP8"}, Precision("modelopt", "FP8"), {"FP8"}),
    ({"quant_method": "modelopt", "quant_algo": "FP8_PB_WO"}, Precision("modelopt", "FP8 PB WO"), {"FP8"}),
    ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, Precision("modelopt", "NVFP4"), {"NVFP4"}),
    ({"quant_method": "modelopt_fp4"}, Precision("modelopt", "NVFP4"), {"NVFP4"}),
    ({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}, Precision("modelopt", "MIXED PRECISION"), set()),
    ({"quant_method": "mxfp4"}, Precision("mxfp4", "MXFP4"), {"MXFP4"}),
    ({"quant_method": "mxfp8", "quant_algo": "MXFP8"}, Precision("mxfp8", "MXFP8"), {"MXFP8"}),
    ({"quant_method": "bitsandbytes"}, Precision("bitsandbytes"), {"BitsAndBytes"}),
    ({"quant_method": "quark"}, Precision("quark"), set()),
    ({"bits": 4}, Precision("unknown"), set()),
    (
        ct(kind(4, "int", "group", group_size=32)),
        Precision("compressed-tensors", "INT4 group weight-only"),
        {"CompressedTensors"},
    ),
    (
        ct(kind(8, "int", "channel"), kind(8, "int", **TOKENS)),
        Precision("compressed-tensors", "INT8 channel dynamic int8 token"),
        {"CompressedTensors", "INT8"},
    ),
    (
        ct(kind(8, "float", "channel"), kind(8, "float", **TOKENS)),
        Precision("compressed-tensors", "FP8 channel dynamic float8 token"),
        {"CompressedTensors", "FP8"},
    ),
    (
        ct(kind(8, "float", "tensor"), kind(8, "float", "tensor", dynamic=False)),
        Precision("compressed-tensors", "FP8 tensor static float8 tensor"),
        {"CompressedTensors", "FP8"},
    ),
    (
        ct(kind(4, "float", "tensor_group", group_size=16)),
        Precision("compressed-tensors", "NVFP4"),
        {"CompressedTensors", "NVFP4"},
    ),
    (
        ct(kind(4, "float", "group", group_size=32)),
        Precision("compressed-tensors", "MXFP4"),
        {"CompressedTensors", "MXFP4"},
    ),
    (
        {**ct(kind(8, "float", "group", group_size=32)), "quant_method": "compressed_tensors"},
        Precision("compressed-tensors", "MXFP8"),
        {"CompressedTensors", "MXFP8"},
    ),
]


@pytest.mark.parametrize(("section", "expected", "meets"), CASES)
def test_a_section_says_what_the_weights_are_and_what_asks_for_them(section, expected, meets):
    found = described({"architectures": ["X"], "quantization_config": section})
    assert (found, found.meets) == (expected, meets)


def test_groups_that_differ_are_no_single_precision():
    groups = {"a": {"weights": kind(4, "int", "group")}, "b": {"weights": kind(8, "int", "channel")}}
    found = described({"quantization_config": {"quant_method": "compressed-tensors", "config_groups": groups}})
    assert (found, found.meets) == (Precision("compressed-tensors", "mixed"), {"CompressedTensors"})


@pytest.mark.parametrize("place", ["compression_config", "quantization_config"])
def test_it_is_found_wherever_vllm_looks(place):
    section = {"quant_method": "awq", "bits": 4}
    assert described({place: section}).method == "awq"
    assert described({"text_config": {"quantization_config": section}}).method == "awq"


def test_an_older_modelopt_writes_a_file_of_its_own():
    separate = {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "FP8"}}
    assert described({}, separate) == Precision("modelopt", "FP8")
    assert described({"quantization_config": {"quant_method": "awq"}}, separate).method == "awq"


@pytest.mark.parametrize(
    ("found", "words"),
    [(Precision(""), "not quantized"), (Precision("awq", "4 bits"), "awq, 4 bits"), (Precision("quark"), "quark")],
)
def test_it_says_itself_in_words(found, words):
    assert str(found) == words


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 300)
    | st.sampled_from(["awq", "fp8", "float", "group", "compressed-tensors"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["quantization_config", "quant_method", "config_groups", "weights", "bits", "quantization", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["quantization_config", "compression_config", "text_config"]), JSON))
def test_whatever_a_configuration_holds_it_is_read_or_refused(config):
    try:
        found = described(json.loads(json.dumps(config)))
    except BadModel:
        return
    assert found.meets <= {"None", "AWQ", "FP8", "CompressedTensors", "MXFP8", "MXFP4", "NVFP4", "INT8"}
