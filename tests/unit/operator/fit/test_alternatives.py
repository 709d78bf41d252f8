"""What would fit instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmfleet.core.fit.accelerators import Accelerator, cpu, named
from llmfleet.core.fit.alternatives import alternatives
from llmfleet.core.fit.planner import Verdict, fit
from llmfleet.core.fit.settings import Settings
from llmfleet_runtime.contract import ModelFacts
from tests.unit.operator.fit.models import PUBLIC, public

LLAMA = public("meta-llama/Llama-3.1-8B")


def gpu(name: str) -> Accelerator:
    found = named(name)
    assert found
    return found


def changes(facts: ModelFacts, settings: Settings, card: str, *present: str) -> list[str]:
    given = fit(facts, settings, gpu(card))
    return [each.change for each in alternatives(facts, given, [gpu(name) for name in present])]


def test_what_fits_needs_no_alternative() -> None:
    assert changes(LLAMA, Settings(max_model_len=8192), "H100", "B200") == []


def test_each_kind_of_change_is_proposed_once_and_nearest() -> None:
    assert changes(LLAMA, Settings(max_model_len=40960), "L4", "H100", "L40S", "B200") == [
        "context 34,560",
        "precision FP8",
        "KV cache FP8",
        "tensor parallel 2",
        "NVIDIA-L40S",
    ]


def test_fewer_requests_at_once_are_an_alternative_to_less_context() -> None:
    found = changes(LLAMA, Settings(max_model_len=8192, concurrency=8), "L4")
    assert found[:2] == ["context 4,096", "concurrency 4"]


def test_two_changes_are_proposed_when_one_does_not_help() -> None:
    llama = public("meta-llama/Llama-3.1-405B")
    assert changes(llama, Settings(tensor=2, max_model_len=4096), "H100") == ["precision FP8, tensor parallel 8"]


def test_four_bits_are_proposed_when_eight_do_not_help() -> None:
    found = changes(public("Qwen/Qwen2.5-32B"), Settings(max_model_len=8192), "A10G")
    assert "precision INT4" not in found
    assert changes(public("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B"), Settings(max_model_len=32768), "A10G")[0] == (
        "precision INT4"
    )


def test_a_quantized_checkpoint_keeps_its_precision() -> None:
    found = changes(public("Qwen/Qwen2.5-72B-Instruct-AWQ"), Settings(max_model_len=32768), "RTX-A6000", "H100")
    assert not any(each.startswith("precision") for each in found)
    assert "NVIDIA-H100-80GB-HBM3" in found


@pytest.mark.parametrize(
    ("card", "tokens", "is_proposed"),
    [
        ("T4", 40960, False),
        ("A10G", 40960, True),
        ("L4", 40960, True),
        ("MI210", 3 * 131072, True),
        ("MI300X", 16 * 131072, True),
    ],
)
def test_an_fp8_cache_is_proposed_where_admission_takes_it(card: str, tokens: int, *, is_proposed: bool) -> None:
    length = min(tokens, 131072)
    given = Settings(max_model_len=length, concurrency=tokens // length)
    assert ("KV cache FP8" in changes(LLAMA, given, card)) is is_proposed


def test_an_fp8_cache_is_proposed_on_a_cpu() -> None:
    given = fit(LLAMA, Settings(max_model_len=40960), cpu(24 * 2**30))
    assert "KV cache FP8" in [each.change for each in alternatives(LLAMA, given)]


@pytest.mark.parametrize(("card", "is_proposed"), [("MI210", False), ("MI250X", False), ("MI300X", True)])
def test_of_amds_products_fp8_is_proposed_where_what_is_made_is_served(card: str, *, is_proposed: bool) -> None:
    llama = public("meta-llama/Llama-3.1-405B") if card == "MI300X" else public("meta-llama/Llama-3.1-70B")
    tensor = 4 if card == "MI300X" else 2
    found = changes(llama, Settings(max_model_len=4096, tensor=tensor), card)
    assert any(each.startswith("precision FP8") for each in found) is is_proposed
    assert found != []


def test_only_products_that_are_there_are_proposed() -> None:
    assert not any(each.startswith("NVIDIA") for each in changes(LLAMA, Settings(), "L4"))


def test_a_cpu_has_no_second_device() -> None:
    given = fit(LLAMA, Settings(), cpu(8 * 2**30))
    assert not any("tensor" in each.change for each in alternatives(LLAMA, given))


@given(
    st.sampled_from(sorted(PUBLIC)),
    st.builds(Settings, tensor=st.sampled_from([1, 2, 4]), concurrency=st.sampled_from([1, 8, 64])),
    st.sampled_from(["T4", "L4", "A100-80GB", "H100", "MI300X"]),
    st.lists(st.sampled_from(["L40S", "H100", "H200", "B200"])),
)
def test_every_alternative_fits_and_says_why(name: str, settings: Settings, card: str, present: list[str]) -> None:
    facts = public(name)
    given = fit(facts, settings, gpu(card))
    for each in alternatives(facts, given, [gpu(other) for other in present]):
        assert each.fit.verdict is Verdict.FITS
        assert each.change
        assert each.why
        assert fit(facts, each.fit.settings, each.fit.accelerator) == each.fit
