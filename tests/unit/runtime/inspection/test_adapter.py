"""What an adapter's files say, above all its shapes."""

from typing import Any

import pytest

from llmfleet_runtime.facts import AdapterFacts, TargetModule
from llmfleet_runtime.inspection.adapter import adapter_facts
from llmfleet_runtime.inspection.safetensors import Tensor
from tests.unit.runtime.inspection.written import section

CONFIG = {"peft_type": "LORA", "base_model_name_or_path": "tiny", "r": 8, "target_modules": ["q_proj"]}


def pair(layer: int, module: str, rank: int, inputs: int, outputs: int, suffix: str = "") -> list[Tensor]:
    name = f"base_model.model.model.layers.{layer}.self_attn.{module}"
    return [
        Tensor(f"{name}.lora_A{suffix}.weight", "BF16", (rank, inputs), 2 * rank * inputs),
        Tensor(f"{name}.lora_B{suffix}.weight", "BF16", (outputs, rank), 2 * rank * outputs),
    ]


def test_rank_modules_shapes_and_depth_come_from_the_tensors() -> None:
    tensors = [*pair(0, "q_proj", 8, 256, 256), *pair(3, "q_proj", 16, 256, 256), *pair(3, "k_proj", 8, 256, 128)]
    assert adapter_facts(section(CONFIG), tensors) == AdapterFacts(
        type="LORA",
        base_model="tiny",
        rank=16,
        modules=(
            TargetModule(name="k_proj", inputs=256, outputs=128, layers=1),
            TargetModule(name="q_proj", inputs=256, outputs=256, layers=2),
        ),
        last_layer=3,
        bytes=sum(each.bytes for each in tensors),
    )


def test_an_adapter_with_different_shapes_for_one_module_shows_both() -> None:
    found = adapter_facts(
        section(CONFIG), [*pair(0, "q_proj", 8, 128, 256), *pair(1, "q_proj", 8, 256, 256, ".default")]
    )
    assert [(each.inputs, each.layers) for each in found.modules] == [(128, 1), (256, 1)]


def test_half_a_pair_and_other_tensors_are_no_module() -> None:
    other = Tensor("base_model.model.lm_head.weight", "BF16", (8, 4), 64)
    found = adapter_facts(section(CONFIG), [pair(0, "q_proj", 8, 256, 256)[0], other])
    assert (found.modules, found.rank, found.last_layer) == ((), 8, 0)


def test_without_tensors_the_rank_is_the_configured_one() -> None:
    assert adapter_facts(section(CONFIG), []).rank == 8


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ()),
        ({"bias": "none", "init_lora_weights": True, "modules_to_save": None}, ()),
        ({"init_lora_weights": "gaussian"}, ()),
        ({"use_dora": True}, ("use_dora",)),
        ({"bias": "all", "modules_to_save": ["embed_tokens"]}, ("bias", "modules_to_save")),
        ({"init_lora_weights": "pissa"}, ("init_lora_weights",)),
        ({"alora_invocation_tokens": [1]}, ("alora_invocation_tokens",)),
    ],
)
def test_what_the_engine_refuses_is_named(changed: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert adapter_facts(section({**CONFIG, **changed}), []).refused == expected
