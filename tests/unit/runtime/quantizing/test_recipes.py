"""What each method makes, and for what shapes."""

import pytest

from llmfleet_runtime.contract import QUANTIZING_METHODS
from llmfleet_runtime.quantizing.recipes import RECIPES, group_size


def test_the_contract_names_the_methods_that_there_are_recipes_for():
    assert tuple(RECIPES) == QUANTIZING_METHODS


@pytest.mark.parametrize(
    ("method", "requirement"),
    [
        ("FP8", "FP8"),
        ("INT8", "INT8"),
        ("GPTQ", "CompressedTensors"),
        ("AWQ", "CompressedTensors"),
        ("NVFP4", "NVFP4"),
    ],
)
def test_a_checkpoint_is_served_under_the_narrowest_word_that_admission_takes(method, requirement):
    assert RECIPES[method].requirement == requirement


@pytest.mark.parametrize(
    ("config", "group"),
    [
        ({"hidden_size": 4096, "intermediate_size": 14336}, 128),
        ({"hidden_size": 896, "intermediate_size": 4864}, 128),
        ({"hidden_size": 576, "intermediate_size": 1536}, 64),
        ({"hidden_size": 1024, "intermediate_size": 2720}, 32),
        ({"hidden_size": 1024, "num_attention_heads": 9, "head_dim": 32}, 32),
        ({"hidden_size": 1024, "intermediate_size": 4096, "moe_intermediate_size": 1408}, 128),
        ({"hidden_size": 1024, "moe_intermediate_size": 704}, 64),
        ({"hidden_size": 100, "intermediate_size": 4096}, None),
        ({"hidden_size": 128, "intermediate_size": None}, 128),
    ],
)
def test_the_largest_group_that_divides_all_inputs_is_taken(config, group):
    assert group_size(config) == group
