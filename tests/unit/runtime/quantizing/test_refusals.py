"""What is refused before anything is begun."""

import pytest

from llmfleet_runtime.argv import Platform
from llmfleet_runtime.facts import ModelFacts, QuantizationFacts
from llmfleet_runtime.quantizing.recipes import RECIPES
from llmfleet_runtime.quantizing.refusals import engine_refusal, refusal, room_refusal, text_refusal

LLAMA = {"hidden_size": 4096, "intermediate_size": 14336}
FACTS = {"format": "Safetensors", "architecture": "LlamaForCausalLM", "has_tokenizer": True}
CPU = Platform("0.32.0+cpu", is_cpu_build=True)
GIB = 2**30


def judged(config=LLAMA, methods=("FP8", "GPTQ"), **facts):
    return refusal(ModelFacts(**{**FACTS, **facts}), config, [RECIPES[each] for each in methods])


def test_a_plain_model_is_taken():
    assert judged() == ""


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"format": "GGUF"}, "the source is GGUF; take the safetensors files"),
        ({"format": None}, "of an unknown format"),
        ({"architecture": "BertModel"}, "the source is a BertModel; only text generation"),
        ({"architecture": None}, "only text generation"),
        ({"is_multimodal": True}, "only text generation"),
        ({"has_tokenizer": False}, "no tokenizer"),
    ],
)
def test_what_cannot_be_quantized_is_said_with_what_could(facts, words):
    assert words in judged(**facts)


def test_a_quantized_source_is_refused_by_what_it_is():
    awq = QuantizationFacts(method="awq", scheme="4 bits")
    assert judged(quantization=awq).startswith("the source is quantized already: awq, 4 bits")


def test_shapes_that_no_group_divides_are_refused_for_methods_with_groups_only():
    config = {"hidden_size": 100}
    assert "GPTQ needs layers whose inputs one of 128, 64, 32 divides" in judged(config)
    assert judged(config, methods=("FP8", "INT8")) == ""


@pytest.mark.parametrize("method", ["FP8", "INT8", "GPTQ", "AWQ"])
def test_the_engine_on_the_cpu_takes_what_it_is_known_to_serve(method):
    assert engine_refusal([RECIPES[method]], CPU) == ""


def test_an_engine_that_would_not_serve_a_method_is_said_before_it_is_made_with_those_that_it_serves():
    found = engine_refusal([RECIPES["FP8"], RECIPES["NVFP4"]], CPU)
    assert found.startswith("NVFP4: ")
    assert found.endswith("this engine serves FP8, INT8, GPTQ, AWQ")


def test_of_another_version_nothing_is_said_beforehand():
    assert engine_refusal([RECIPES["NVFP4"]], Platform("0.33.0+cpu", is_cpu_build=True)) == ""


@pytest.mark.parametrize(
    ("memory", "disk", "words"),
    [
        (100 * GIB, 100 * GIB, ""),
        (15 * GIB, 100 * GIB, "takes about 20.0 GiB of memory while it is quantized, 15.0 GiB are there"),
        (100 * GIB, 5 * GIB, "may take 24.0 GiB, the disk has 5.0 GiB left"),
    ],
)
def test_too_little_room_is_said_with_what_it_takes(memory, disk, words):
    found = room_refusal(16 * GIB, memory, disk, 2)
    assert words in found
    assert bool(found) == bool(words)


def test_a_text_must_fill_a_few_windows_of_both_parts():
    assert text_refusal(4000, 400, 100) == ""
    assert "give a longer --text or a smaller --length" in text_refusal(4000, 399, 100)
    assert "399 tokens to calibrate with" in text_refusal(399, 4000, 100)
