"""Who serves what is made, and what it costs beside its source."""

import pytest

from llmfleet.api.quantization import Method
from llmfleet.api.workload import AcceleratorType
from llmfleet.core.capability import needed, needed_by_checkpoint, needed_to_produce
from llmfleet.core.fit.accelerators import cpu, named
from llmfleet.core.fit.planner import fit
from llmfleet.core.fit.settings import Settings
from llmfleet.core.quantizing import Compared, document, refusal
from llmfleet_runtime.contract import (
    QUANTIZING_METHODS,
    LayerGroup,
    LayerKind,
    Made,
    ModelFacts,
    Quality,
    WeightRole,
    Weights,
)
from llmfleet_runtime.quantizing.recipes import RECIPES

CPU = cpu(16 * 2**30)


def made(method="", size=1000, perplexity=10.0):
    quality = Quality(by="vLLM 0.32.0", tokens=100, perplexity=perplexity, agreement=0.9 if method else None)
    return Made(method=method, folder="/m", bytes=size, precision="p", requirement=method or "None", quality=quality)


def facts(size):
    group = LayerGroup(kind=LayerKind.FULL, layers=2, kv_heads=2, head_dim=32)
    weights = Weights(role=WeightRole.LINEAR, dtype="BF16", elements=size // 2, bytes=size)
    return ModelFacts(dtype="bfloat16", max_positions=1024, layers=(group,), weights=(weights,))


def compared(method="FP8", size=600, perplexity=11.0):
    return Compared(made(method, size, perplexity), fit(facts(size), Settings(), CPU), made())


@pytest.mark.parametrize("method", QUANTIZING_METHODS)
def test_a_gpu_of_the_right_generation_serves_every_method(method):
    assert refusal([method], named("H100")) == ""


@pytest.mark.parametrize("method", QUANTIZING_METHODS)
def test_a_gpu_that_is_too_old_serves_none_and_says_why(method):
    found = refusal([method], named("V100-32GB"))
    assert f"vLLM does not serve {method} on Tesla-V100" in found
    assert "compute capability is 7.0; none of these methods works there" in found


def test_what_no_cpu_serves_is_refused_with_what_they_serve():
    assert refusal(["FP8", "NVFP4"], CPU) == "vLLM does not serve NVFP4 on CPU; FP8, INT8, GPTQ or AWQ would work there"


def test_of_a_gpu_without_a_known_capability_the_engine_has_the_last_word():
    assert refusal(QUANTIZING_METHODS, named("MI300X")) == ""


def test_what_is_made_of_fp8_needs_a_newer_gpu_of_amds_than_any_fp8_does():
    told = "vLLM does not serve FP8 on AMD_Instinct_MI210, whose generation is CDNA2; INT8, GPTQ, AWQ or NVFP4 would"
    assert refusal(["INT8", "FP8"], named("MI210")).startswith(told)


@pytest.mark.parametrize("vendor", [AcceleratorType.NVIDIA, AcceleratorType.AMD])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_what_a_recipe_makes_is_what_its_method_is_judged_by(recipe, vendor):
    least = max(needed(Method(recipe.method), vendor), needed_by_checkpoint(recipe.makes, vendor))
    assert needed_to_produce(Method(recipe.method), vendor) == least


def test_ratios_are_to_the_source():
    found = compared()
    assert (found.size_ratio, found.perplexity_ratio) == (0.6, 1.1)
    assert found.weight_bytes == 600


def test_memory_is_everything_and_the_cache_of_one_longest_request():
    found = compared()
    assert found.memory_bytes == sum(each.bytes for each in found.fit.shares) + found.fit.needed_bytes
    assert found.fit.needed_bytes >= 1024 * 2 * 2 * 2 * 32 * 2


def test_the_document_holds_the_source_first_and_no_number_that_is_not_known():
    first, second = document([Compared(made(), compared().fit, made()), compared()])
    assert (first["method"], first["perplexityRatio"], first["requirement"]) == ("source", 1.0, "None")
    assert "agreement" not in first["quality"]
    assert (second["sizeRatio"], second["predicted"]["product"]) == (0.6, "CPU")
