"""Whatever is asked of whatever weights on whatever machine: they are served as asked, or refused by name."""

from hypothesis import given
from hypothesis import strategies as st

from llmfleet_runtime.argv import Platform
from llmfleet_runtime.contract import Quantization
from llmfleet_runtime.precision import Precision
from llmfleet_runtime.quantization import ON_THE_FLY, ON_THE_FLY_CPU, Mismatch, Unsupported, on_the_fly
from llmfleet_runtime.unserved import NEEDS_AMX, NOT_ON_CPU, NOWHERE

METHODS = ("None", "FP8", "INT8", "AWQ", "GPTQ", "AutoRound", "CompressedTensors", "NVFP4", "MXFP4", "BitsAndBytes")
KNOWN = (Precision(""), Precision("awq", "4 bits"), Precision("quark"), *NOWHERE, *NOT_ON_CPU, *NEEDS_AMX)
WANTED = st.builds(
    Quantization, method=st.sampled_from(METHODS), source=st.sampled_from(["Any", "Checkpoint", "OnTheFly"])
)
FOUND = st.sampled_from(KNOWN)
PLATFORMS = st.builds(
    Platform,
    engine_version=st.sampled_from(["0.32.0", "0.32.1+cpu", "0.40.0"]),
    is_cpu_build=st.booleans(),
    has_amx=st.booleans(),
)


def verdict(wanted, found, platform):
    try:
        return on_the_fly(wanted, found, platform)
    except (Mismatch, Unsupported) as refused:
        return refused


@given(WANTED, FOUND, PLATFORMS)
def test_what_starts_is_what_was_asked_for(wanted, found, platform):
    answer = verdict(wanted, found, platform)
    if isinstance(answer, str):
        assert (found.method, wanted.source != "Checkpoint") == ("", True)
        assert answer == (ON_THE_FLY_CPU if platform.is_cpu_build else ON_THE_FLY)[wanted.method]
    elif answer is None:
        assert wanted.method in found.meets
        assert wanted.source != "OnTheFly" or wanted.method == "None"


@given(WANTED, FOUND, PLATFORMS)
def test_a_refusal_names_the_weights_and_a_contradiction_what_was_asked(wanted, found, platform):
    answer = verdict(wanted, found, platform)
    if isinstance(answer, Unsupported):
        assert str(found) in str(answer)
    elif isinstance(answer, Mismatch):
        assert wanted.method in str(answer)
        assert str(found) in str(answer)


@given(FOUND, PLATFORMS)
def test_without_a_wish_only_what_cannot_run_is_refused(found, platform):
    for wanted in (None, Quantization()):
        assert verdict(wanted, found, platform) is None or found in {*NOWHERE, *NOT_ON_CPU, *NEEDS_AMX}
