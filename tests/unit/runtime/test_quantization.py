"""quantization.py: what was asked for, what there is, and what the engine is told."""

import pytest

from llmfleet_runtime.argv import BadConfig, Platform
from llmfleet_runtime.contract import Quantization
from llmfleet_runtime.precision import Precision
from llmfleet_runtime.quantization import Mismatch, Unsupported, on_the_fly, served
from llmfleet_runtime.unserved import NEEDS_AMX, NEEDS_AMX_WITH_ADAPTERS, NOT_ON_CPU

GPU = Platform("0.32.0", cpus=16)
CPU = Platform("0.32.0+cpu", is_cpu_build=True, cpus=2)
NEWER_CPU = Platform("0.33.0+cpu", is_cpu_build=True, cpus=2)
PLAIN, AWQ, FP8 = Precision(""), Precision("awq", "4 bits"), Precision("fp8", "FP8 tensor")
CHANNELS = Precision("compressed-tensors", "FP8 channel dynamic float8 token")


def asked(method, source="Any"):
    return Quantization(method=method, source=source)


@pytest.mark.parametrize(
    ("wanted", "found", "platform", "option"),
    [
        pytest.param(None, AWQ, GPU, None, id="nobody asks"),
        pytest.param(asked("Auto"), AWQ, GPU, None, id="whatever it is"),
        pytest.param(asked("None"), PLAIN, GPU, None, id="not quantized, as asked"),
        pytest.param(asked("AWQ"), AWQ, GPU, None, id="the checkpoint says so itself"),
        pytest.param(asked("AWQ", "Checkpoint"), AWQ, CPU, None, id="from the checkpoint"),
        pytest.param(asked("FP8"), FP8, GPU, None, id="a precision, in one format"),
        pytest.param(asked("FP8"), CHANNELS, CPU, None, id="a precision, in another format"),
        pytest.param(asked("CompressedTensors"), CHANNELS, GPU, None, id="that format by its name"),
        pytest.param(asked("FP8"), PLAIN, GPU, "fp8", id="made on the fly"),
        pytest.param(asked("FP8", "OnTheFly"), PLAIN, CPU, "fp8_per_channel", id="made on the fly, on the CPU"),
        pytest.param(asked("MXFP4"), PLAIN, GPU, "mxfp4", id="MXFP4 on the fly"),
        pytest.param(asked("MXFP8", "OnTheFly"), PLAIN, GPU, "mxfp8", id="MXFP8 on the fly"),
        pytest.param(asked("BitsAndBytes"), PLAIN, CPU, "bitsandbytes", id="by the plugin"),
    ],
)
def test_the_engine_is_told_only_what_the_checkpoint_does_not_say(wanted, found, platform, option):
    assert on_the_fly(wanted, found, platform) == option


@pytest.mark.proves("S21")
@pytest.mark.parametrize(
    ("wanted", "found", "platform", "words"),
    [
        (
            asked("FP8"),
            AWQ,
            GPU,
            "the weights are awq, 4 bits, and quantization asks for FP8; quantization.method AWQ fits",
        ),
        (asked("None"), AWQ, GPU, "asks for None; quantization.method AWQ fits"),
        (asked("AWQ"), CHANNELS, GPU, "quantization.method CompressedTensors, FP8 fits"),
        (asked("FP8", "OnTheFly"), FP8, GPU, "asks for FP8 made on the fly; take a checkpoint that is not quantized"),
        (asked("AWQ"), PLAIN, GPU, "the engine does not make AWQ of them"),
        (asked("FP8", "Checkpoint"), PLAIN, GPU, "are not quantized; quantization asks for FP8 from Checkpoint"),
        (asked("MXFP8"), PLAIN, CPU, "made while loading here: FP8, BitsAndBytes"),
        (asked("FP8"), Precision("quark"), GPU, "take a checkpoint that is not quantized"),
    ],
)
def test_a_contradiction_names_both_and_what_would_work(wanted, found, platform, words):
    with pytest.raises(Mismatch) as refused:
        on_the_fly(wanted, found, platform)
    assert words in str(refused.value)
    assert refused.value.reason == "QuantizationMismatch"


@pytest.mark.parametrize("found", sorted(NOT_ON_CPU, key=str), ids=str)
@pytest.mark.parametrize("wanted", [None, "its own"])
def test_what_the_cpu_build_has_no_kernel_for_is_refused_there_only(found, wanted):
    required = None if wanted is None else asked(min(found.meets))
    with pytest.raises(Unsupported, match="no kernel for it; here None, FP8, INT8, AWQ"):
        on_the_fly(required, found, CPU)
    assert on_the_fly(required, found, GPU) is None


@pytest.mark.parametrize("found", sorted(NEEDS_AMX, key=str), ids=str)
def test_what_needs_amx_is_refused_without_it(found):
    with pytest.raises(Unsupported, match="AMX"):
        on_the_fly(None, found, CPU)
    for platform in (GPU, Platform("0.32.0+cpu", is_cpu_build=True, has_amx=True)):
        assert on_the_fly(asked(min(found.meets)), found, platform) is None


@pytest.mark.parametrize("found", NEEDS_AMX_WITH_ADAPTERS, ids=str)
def test_what_needs_amx_with_adapters_is_refused_without_it_and_serves_without_them(found):
    with pytest.raises(Unsupported, match=r"with adapters \(lora\)"):
        on_the_fly(None, found, CPU, has_adapters=True)
    for platform in (GPU, Platform("0.32.0+cpu", is_cpu_build=True, has_amx=True), NEWER_CPU):
        assert on_the_fly(None, found, platform, has_adapters=True) is None
    assert on_the_fly(None, found, CPU) is None


def test_what_no_build_runs_is_refused_everywhere():
    for platform in (GPU, CPU):
        with pytest.raises(Unsupported, match="activation order"):
            on_the_fly(None, Precision("gptq", "4 bits act-order"), platform)


@pytest.mark.parametrize("scheme", ["", "Q4_K"])
def test_gguf_is_refused_with_the_engine_that_serves_it(scheme):
    with pytest.raises(Unsupported, match=r"engine\.type LlamaCpp serves it"):
        on_the_fly(None, Precision("gguf", scheme), GPU)


def test_a_version_that_nobody_has_tried_is_left_to_itself():
    assert on_the_fly(None, FP8, NEWER_CPU) is None


def test_a_refusal_is_a_configuration_that_cannot_be_carried_out():
    assert issubclass(Unsupported, BadConfig)
    assert (BadConfig.reason, Unsupported.reason) == ("BadConfig", "QuantizationUnsupported")


@pytest.mark.parametrize(
    ("wanted", "found", "made", "words"),
    [
        (None, AWQ, None, "awq, 4 bits"),
        (asked("FP8"), PLAIN, "fp8", "FP8 made on the fly"),
        (None, PLAIN, None, "not quantized"),
    ],
)
def test_what_is_served_is_said(wanted, found, made, words):
    assert served(wanted, found, made) == words
