"""The cache: exactly what vLLM 0.32 logged for these shapes, and laws that hold for all."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmfleet.core.fit.cache import Layout, Pool, pool, token_bytes
from llmfleet_runtime.contract import LayerGroup, LayerKind
from tests.unit.operator.fit.models import layer, public

MIB, GIB = 2**20, 2**30
WINDOW, LATENT, STATE = LayerKind.SLIDING, LayerKind.LATENT, LayerKind.STATE


def on_cpu(**changed: Any) -> Layout:
    return Layout(
        **{"tensor": 1, "element_bytes": 2, "model_bytes": 2, "block_size": 128, "in_flight": 2048, **changed}
    )


HALF_WINDOW = (layer(layers=2), layer(WINDOW, 2, window=256))
MLA = LayerGroup(kind=LATENT, layers=4, head_dim=576)
TWO_HEADS = (layer(layers=6, kv_heads=2, head_dim=64),)

LOGGED = {
    "tiny in bf16": ((layer(),), on_cpu(), 64 * MIB, 1024, (2048, 32768, 32.00)),
    "six layers of two heads": (TWO_HEADS, on_cpu(), 64 * MIB, 1024, (3072, 21760, 21.25)),
    "MQA": ((layer(kv_heads=1),), on_cpu(), 64 * MIB, 1024, (512, 131072, 128.0)),
    "tiny in fp32": ((layer(),), on_cpu(element_bytes=4), 64 * MIB, 1024, (4096, 16384, 16.0)),
    "fp8 cache": ((layer(),), on_cpu(element_bytes=1), 64 * MIB, 1024, (1024, 65536, 64.0)),
    "tensor parallel 2": ((layer(),), on_cpu(tensor=2), 64 * MIB, 1024, (1024, 65536, 64.0)),
    "MLA": ((MLA,), on_cpu(block_size=16), 64 * MIB, 1024, (4608, 14560, 14.22)),
    "Qwen2.5-0.5B": ((layer(layers=24, kv_heads=2, head_dim=64),), on_cpu(), GIB, 32768, (12288, 87296, 2.66)),
    "window everywhere": ((layer(WINDOW, window=256),), on_cpu(), 64 * MIB, 1024, (2048, 29127, 28.44)),
    "window in half, 1024": (HALF_WINDOW, on_cpu(), 64 * MIB, 1024, (2048, 30840, 30.12)),
    "window in half, 8192": (HALF_WINDOW, on_cpu(), 64 * MIB, 8192, (2048, 50533, 6.17)),
}
"""Layers, layout, cache, context -> bytes of a token, tokens, concurrency: a measured table of vLLM 0.32 on CPU."""

Logged = tuple[tuple[LayerGroup, ...], Layout, int, int, tuple[int, int, float]]


@pytest.mark.parametrize("logged", LOGGED.values(), ids=list(LOGGED))
def test_the_cache_is_what_the_engine_logged(logged: Logged) -> None:
    layers, layout, cache, length, expected = logged
    found = pool(layers, layout)
    token = sum(token_bytes(each, layout) * each.layers for each in layers)
    assert (token, found.tokens(cache, length), round(found.concurrency(cache, length), 2)) == expected


def test_the_largest_context_keeps_one_block_back() -> None:
    """``--max-model-len auto`` chose 21,632 where 21,760 tokens are logged."""
    assert pool(TWO_HEADS, on_cpu()).largest_context(64 * MIB, 1, 32768) == 21632


def on_gpu(**changed: Any) -> Layout:
    return Layout(
        **{"tensor": 1, "element_bytes": 2, "model_bytes": 2, "block_size": 16, "in_flight": 16384, **changed}
    )


def test_a_hybrid_of_states_is_what_an_engine_logged_on_gpus() -> None:
    """Qwen3.8-27B-FP8 over two GPUs with an FP8 cache: blocks of 1,568 tokens, 302,921 tokens in 4.99 GiB.

    (github.com/mitchross/talos-argocd-proxmox/pull/1995)
    """
    state = LayerGroup(
        kind=STATE,
        layers=48,
        conv_elements=(2 * 16 * 128 + 48 * 128) * 3,
        recurrent_elements=48 * 128 * 128,
        recurrent_dtype="float32",
    )
    layers = (layer(layers=16, kv_heads=4, head_dim=256), state)
    found = pool(layers, on_gpu(tensor=2, element_bytes=1, prefix_caching=True))
    assert found.groups[0].block_size == 1568
    assert found.tokens(int(4.99 * GIB), 131072) == 302921


def test_states_take_three_blocks_when_a_prompt_is_checkpointed_and_one_without_prefix_caching() -> None:
    """A tiny Granite 4 on the CPU with 64 MiB, where vLLM 0.32 logged 90,112 tokens at 8,192."""
    state = LayerGroup(
        kind=STATE,
        layers=3,
        conv_elements=(16 * 32 + 2 * 64) * 3,
        recurrent_elements=16 * 32 * 64,
        checkpoints=1,
    )
    layers = (layer(layers=1), state)
    assert pool(layers, on_cpu(prefix_caching=True, recurrent_bytes=4)).tokens(64 * MIB, 8192) == 90112
    assert pool(layers, on_cpu(recurrent_bytes=4)).groups[1].states == 1


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("meta-llama/Llama-3.1-8B", 131_072),
        ("meta-llama/Llama-3.1-70B", 327_680),
        ("deepseek-ai/DeepSeek-R1", 70_272),
        ("tiiuae/falcon-7b", 8_192),
    ],
)
def test_a_token_of_a_public_model_takes_what_is_published(name: str, token: int) -> None:
    assert sum(token_bytes(each, on_gpu()) * each.layers for each in public(name).layers) == token


def test_heads_are_repeated_once_there_are_fewer_than_devices() -> None:
    assert [token_bytes(layer(kv_heads=4), on_gpu(tensor=each)) for each in (1, 2, 4, 8)] == [512, 256, 128, 128]


def test_latent_vectors_are_never_split() -> None:
    assert token_bytes(MLA, on_gpu(tensor=8)) == 1152


@pytest.mark.parametrize(
    ("full", "windowed", "expected"),
    [(12, 13, (13, 1, 1)), (10, 52, (10, 1, 6)), (10, 20, (10, 1, 2)), (2, 2, (2, 1, 1))],
)
def test_layers_are_grouped_by_the_smaller_count_unless_padding_wastes_less(
    full: int, windowed: int, expected: tuple[int, int, int]
) -> None:
    found = pool((layer(layers=full), layer(WINDOW, windowed, window=256)), on_gpu())
    page = 512 * 16
    assert (found.bytes_per_block // page, *(each.tables for each in found.groups)) == expected


def test_a_smaller_page_takes_more_tokens_when_that_comes_out_even() -> None:
    found = pool((layer(kv_heads=8), layer(WINDOW, window=256, kv_heads=4)), on_gpu())
    assert [each.block_size for each in found.groups] == [16, 32]


def test_a_smaller_page_is_padded_when_it_does_not() -> None:
    found = pool((layer(kv_heads=3), layer(WINDOW, window=256, kv_heads=2)), on_gpu())
    assert [each.block_size for each in found.groups] == [16, 16]


LAYERS = st.lists(
    st.builds(
        layer,
        kind=st.sampled_from([LayerKind.FULL, WINDOW]),
        layers=st.integers(1, 64),
        kv_heads=st.sampled_from([1, 2, 4, 8]),
        head_dim=st.sampled_from([64, 128]),
        window=st.sampled_from([128, 4096]),
    ),
    min_size=1,
    max_size=2,
)
POOLS = st.builds(pool, LAYERS, st.builds(on_gpu, tensor=st.sampled_from([1, 2, 8])))


@given(POOLS, st.integers(0, 2**38), st.integers(1, 64), st.integers(1, 2**20))
def test_the_largest_context_fits_and_one_token_more_does_not(
    found: Pool, cache: int, concurrency: int, most: int
) -> None:
    largest = found.largest_context(cache, concurrency, most)
    assert largest == 0 or found.needed(largest, concurrency) <= cache
    assert largest == most or found.needed(largest + 1, concurrency) > cache


@given(POOLS, st.integers(1, 2**20), st.integers(1, 63))
def test_more_tokens_and_more_requests_never_need_less(found: Pool, length: int, concurrency: int) -> None:
    needed = found.needed(length, concurrency)
    assert found.needed(length + 1, concurrency) >= needed
    assert found.needed(length, concurrency + 1) > needed


@given(POOLS, st.integers(0, 2**38), st.integers(1, 2**20))
def test_what_is_needed_for_so_many_is_what_so_many_can_have(found: Pool, cache: int, length: int) -> None:
    """The logged concurrency counts the block that is kept back, so it may be one request too many."""
    many = int(found.concurrency(cache, length))
    assert many < 2 or found.needed(length, many - 1) <= cache
    assert found.needed(length, many + 1) > cache
