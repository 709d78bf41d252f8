"""Facts, settings, accelerator -> verdict, shares and limits."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmfleet.api.workload import AcceleratorType
from llmfleet.core.fit.accelerators import GIB, MIB, Accelerator, cpu, named
from llmfleet.core.fit.planner import Fit, Verdict, fit, layout
from llmfleet.core.fit.settings import FP8, INT4, Lora, Settings, batched_tokens, sequences
from llmfleet_runtime.contract import LayerKind, ModelFacts, QuantizationFacts, WeightRole, Weights
from tests.unit.operator.fit.models import PUBLIC, layer, public, tiny

CARD = Accelerator("CARD", AcceleratorType.NVIDIA, 4 * GIB, capability=(9, 0))
LLAMA = public("meta-llama/Llama-3.1-8B")


def gpu(name: str) -> Accelerator:
    found = named(name)
    assert found
    return found


def shares(found: Fit) -> dict[str, int]:
    return {each.what: each.bytes for each in found.shares}


def test_what_fits_says_how_much_is_left_and_what_it_holds() -> None:
    found = fit(LLAMA, Settings(max_model_len=8192, concurrency=16), gpu("H100"))
    assert found.verdict is Verdict.FITS
    assert found.pool
    assert found.needed_bytes == (16 * 512 + 1) * 16 * 131072
    assert found.headroom_bytes == (found.cache_bytes or 0) - found.needed_bytes
    assert found.reason == "55.8 GiB are left for the cache, 16 x 8,192 tokens take 16.0 GiB"
    assert found.largest_context == 28560
    assert round(found.concurrency or 0) == 56


def test_what_does_not_fit_says_what_is_missing() -> None:
    found = fit(LLAMA, Settings(), gpu("L4"))
    assert found.verdict is Verdict.DOES_NOT_FIT
    assert found.reason.startswith("the cache for 1 x 131,072 tokens takes 16.0 GiB, ")
    assert (found.headroom_bytes or 0) < 0


def test_weights_that_do_not_fit_say_so_without_a_word_on_the_cache() -> None:
    found = fit(public("meta-llama/Llama-3.1-70B"), Settings(), gpu("L4"))
    assert found.verdict is Verdict.DOES_NOT_FIT
    assert "are taken without any cache" in found.reason
    assert (found.needed_bytes, found.pool) == (0, None)


@pytest.mark.parametrize(
    ("settings", "accelerator", "words"),
    [
        (Settings(tensor=3), CARD, "8 attention heads cannot be split over 3 devices"),
        (Settings(max_model_len=40000), CARD, "40,000 tokens are more than the 32,768 of the model"),
        (Settings(precision=FP8), replace(CARD, capability=(7, 0)), "FP8 needs compute capability 7.5, CARD has 7.0"),
    ],
)
def test_what_the_engine_refuses_is_refused(settings: Settings, accelerator: Accelerator, words: str) -> None:
    found = fit(tiny(), settings, accelerator)
    assert (found.verdict, found.reason) == (Verdict.DOES_NOT_FIT, words)


@pytest.mark.parametrize("settings", [Settings(tensor=2), Settings(max_model_len=32768), Settings(precision=FP8)])
def test_what_the_engine_takes_is_not(settings: Settings) -> None:
    assert fit(tiny(), settings, CARD).verdict is Verdict.FITS


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (tiny(weights=()), "the weights' size is not known"),
        (tiny().model_copy(update={"layers": ()}), "what the layers keep for a token is not known"),
    ],
    ids=["weights", "layers"],
)
def test_what_is_not_known_gives_no_verdict(facts: ModelFacts, words: str) -> None:
    found = fit(facts, Settings(), CARD)
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, words)


def test_unknown_layers_do_not_hide_that_the_weights_are_too_large() -> None:
    facts = public("meta-llama/Llama-3.1-70B").model_copy(update={"layers": ()})
    assert fit(facts, Settings(), gpu("L4")).verdict is Verdict.DOES_NOT_FIT


def test_facts_without_sizes_are_planned_and_what_is_left_out_is_said() -> None:
    found = fit(tiny(hidden_size=None), Settings(lora=Lora(1, 8)), CARD)
    assert found.verdict is Verdict.FITS
    assert [each.split(":")[0] for each in found.notes] == [
        "room for adapters is not counted",
        "activations are not counted",
    ]


def test_notes_carry_what_the_facts_and_the_accelerator_leave_open() -> None:
    found = fit(tiny(unknown=("a",), is_multimodal=True), Settings(), replace(CARD, note="b"))
    assert found.notes == ("a", "b", "images and sound need more while they are encoded, which is not counted")


@pytest.mark.parametrize(
    ("settings", "facts", "expected"),
    [
        (Settings(), LLAMA, 8030261248 * 2),
        (Settings(tensor=2), LLAMA, (8030261248 - 65 * 4096) + 65 * 4096 * 2),
        (Settings(precision=FP8), LLAMA, 2 * 128256 * 4096 * 2 + 65 * 4096 * 2 + 32 * 218_103_808),
        (Settings(dtype="float32"), tiny(), 200_000_000),
        (Settings(), tiny(dtype="float32"), 100_000_000),
        (Settings(precision=FP8), tiny(quantization=QuantizationFacts(method="awq", weight_bits=4)), 50_000_000),
    ],
    ids=["stored", "norms are not split", "embeddings stay", "asked for", "float32 is not kept", "by dtype"],
)
def test_weights_are_counted_by_role(settings: Settings, facts: ModelFacts, expected: int) -> None:
    assert shares(fit(facts, settings, CARD))["weights"] == expected


def test_four_bits_take_half_a_byte_and_their_scales() -> None:
    linear = tiny(weights=(Weights(role=WeightRole.EXPERT, dtype="BF16", elements=1280, bytes=2560),))
    assert shares(fit(linear, Settings(precision=INT4), CARD))["weights"] == 1280 * 0.5 + 10 * 2.5


@pytest.mark.parametrize(
    ("lora", "tensor", "elements"),
    [(Lora(1, 8), 1, 1), (Lora(4, 8), 1, 4), (Lora(1, 64), 1, 8)],
)
def test_room_for_adapters_grows_with_slots_and_rank(lora: Lora, tensor: int, elements: int) -> None:
    """tiny: 256 wide, 8 heads and 4 key-value heads of 32, inner size 512, 4 layers."""
    attention = (256 + 256) + 2 * (256 + 128) + (256 + 256)
    inner = 3 * (256 + 512)
    found = fit(tiny(), Settings(tensor=tensor, lora=lora), CARD)
    assert shares(found)["adapters"] == elements * 8 * 4 * (attention + inner) * 2


def test_of_an_adapter_only_the_wide_half_is_split() -> None:
    """The inputs' half of q, k, v, gate and up, and the outputs' half of o and down, are on every device."""
    whole, split = (
        shares(fit(LLAMA, Settings(tensor=each, lora=Lora(1, 16)), gpu("H100")))["adapters"] for each in (1, 8)
    )
    kept = 16 * 32 * 7 * 4096 * 2
    assert split == kept + (whole - kept) // 8


def test_graphs_cost_nothing_where_there_are_none() -> None:
    assert "graphs" in shares(fit(tiny(), Settings(), CARD))
    assert "graphs" not in shares(fit(tiny(), Settings(enforce_eager=True), CARD))


def test_several_devices_talk() -> None:
    alone, together = (shares(fit(tiny(), Settings(tensor=each), CARD))["driver"] for each in (1, 2))
    assert together - alone == 768 * MIB


def test_an_explicit_cache_is_taken_as_it_is() -> None:
    found = fit(tiny(), Settings(kv_cache_bytes=64 * MIB, max_model_len=1024), cpu(2 * GIB))
    assert (found.cache_bytes, found.tokens) == (64 * MIB, 32768)


def test_on_a_cpu_the_matrices_of_tokens_are_held_once_more() -> None:
    """2,048 tokens of 256 numbers, going in and coming out."""
    small, large = (shares(fit(tiny(vocab_size=each), Settings(), cpu(GIB)))["worker"] for each in (1024, 2048))
    assert large - small == 2 * 1024 * 256 * 2


def test_an_explicit_cache_that_has_no_room_does_not_fit() -> None:
    found = fit(tiny(), Settings(kv_cache_bytes=2 * GIB), cpu(2 * GIB))
    assert found.verdict is Verdict.DOES_NOT_FIT
    assert "are taken without the cache" in found.reason


@pytest.mark.parametrize(
    ("accelerator", "expected"),
    [
        (gpu("L4"), (2048, 256)),
        (gpu("A100-80GB"), (2048, 256)),
        (gpu("H100"), (8192, 1024)),
        (gpu("B200"), (16384, 1024)),
        (cpu(GIB), (2048, 128)),
    ],
    ids=lambda each: each.product if isinstance(each, Accelerator) else "",
)
def test_defaults_follow_the_device_as_the_engines_do(accelerator: Accelerator, expected: tuple[int, int]) -> None:
    assert (batched_tokens(Settings(), accelerator), sequences(Settings(), accelerator)) == expected


def test_a_batch_may_be_given() -> None:
    settings = Settings(max_num_batched_tokens=512, max_num_seqs=8)
    assert (batched_tokens(settings, CARD), sequences(settings, CARD)) == (512, 8)


def test_as_many_sequences_as_are_asked_for() -> None:
    assert sequences(Settings(concurrency=2000), gpu("H100")) == 2000


@pytest.mark.parametrize(
    ("dtype", "quantization", "expected"),
    [
        ("auto", None, 2),
        ("fp8", None, 1),
        ("auto", QuantizationFacts(method="modelopt", kv_cache="fp8"), 1),
        ("auto", QuantizationFacts(method="compressed-tensors", kv_cache="fp8"), 2),
        ("bfloat16", QuantizationFacts(method="modelopt", kv_cache="fp8"), 2),
    ],
)
def test_a_checkpoints_own_cache_precision_counts_where_the_engine_takes_it(
    dtype: str, quantization: QuantizationFacts | None, expected: float
) -> None:
    assert layout(tiny(quantization=quantization), Settings(kv_cache_dtype=dtype), CARD).element_bytes == expected


@pytest.mark.parametrize(
    ("accelerator", "kind", "expected"),
    [(CARD, LayerKind.FULL, 16), (cpu(GIB), LayerKind.FULL, 128), (cpu(GIB), LayerKind.LATENT, 16)],
)
def test_blocks_are_as_large_as_the_platform_has_them(accelerator: Accelerator, kind: LayerKind, expected: int) -> None:
    assert layout(tiny(layer(kind)), Settings(), accelerator).block_size == expected


SETTINGS = st.builds(
    Settings,
    tensor=st.sampled_from([1, 2, 4, 8]),
    max_model_len=st.none() | st.integers(1, 200_000),
    concurrency=st.integers(1, 512),
    precision=st.sampled_from([FP8, INT4]),
    kv_cache_dtype=st.sampled_from(["auto", "fp8"]),
    lora=st.none() | st.builds(Lora, st.integers(1, 8), st.sampled_from([8, 64])),
)


@given(st.sampled_from(sorted(PUBLIC)), SETTINGS, st.sampled_from(["L4", "H100", "B200", "MI300X"]))
def test_every_answer_is_whole_and_keeps_its_promises(name: str, settings: Settings, card: str) -> None:
    found = fit(public(name), settings, gpu(card))
    assert found.reason
    if found.verdict is Verdict.FITS:
        assert found.largest_context is not None
        assert found.largest_context >= found.max_model_len
        assert (found.headroom_bytes or 0) >= 0
    if found.largest_context:
        shorter = replace(settings, max_model_len=found.largest_context)
        assert fit(public(name), shorter, gpu(card)).verdict is Verdict.FITS


@given(st.sampled_from(sorted(PUBLIC)), SETTINGS, st.integers(1, 300), st.integers(1, 100))
def test_more_memory_never_turns_a_yes_into_a_no(name: str, settings: Settings, gibibytes: int, more: int) -> None:
    """With the batch held: larger devices take larger ones by default."""
    held: Any = replace(settings, max_num_batched_tokens=2048, max_num_seqs=256)
    small = Accelerator("S", AcceleratorType.NVIDIA, gibibytes * GIB)
    large = Accelerator("L", AcceleratorType.NVIDIA, (gibibytes + more) * GIB)
    if fit(public(name), held, small).verdict is Verdict.FITS:
        assert fit(public(name), held, large).verdict is Verdict.FITS
