"""The cache as vLLM 0.32 divides it: layers in groups, one pool of equal blocks that all groups draw from.

v1/core/kv_cache_utils.py and v1/kv_cache_interface.py, whose names stand in the comments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from llmfleet_runtime.contract import LayerGroup, LayerKind

STATE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class Layout:
    """What the size of a block depends on, beside the layers."""

    tensor: int
    element_bytes: float
    """Of keys and values."""
    model_bytes: int
    """Of an element in the model's dtype."""
    block_size: int
    """Tokens."""
    in_flight: int
    """Tokens scheduled and not settled: a batch for each step that runs at the same time."""
    prefix_caching: bool = False
    recurrent_bytes: int | None = None
    """Of an element of a recurrent state; None: as the layers say."""


@dataclass(frozen=True)
class Group:
    """A block table: ``tables`` of them hold layers of this kind."""

    kind: LayerKind
    tables: int
    block_size: int
    window: int | None = None
    states: int = 1
    """Blocks of a request in a ``STATE`` group."""


@dataclass(frozen=True)
class Pool:
    """All groups together, on one device."""

    bytes_per_block: int
    groups: tuple[Group, ...]
    in_flight: int

    def blocks_per_request(self, length: int) -> int:
        """Blocks of a request of so many tokens."""
        return sum(each.tables * self._blocks(each, length) for each in self.groups)

    def blocks(self, cache_bytes: int) -> int:
        """Blocks that so many bytes hold."""
        return max(0, cache_bytes // self.bytes_per_block)

    def concurrency(self, cache_bytes: int, length: int) -> float:
        """``Maximum concurrency for … tokens per request`` of the engine's log."""
        return self.blocks(cache_bytes) / self.blocks_per_request(length)

    def tokens(self, cache_bytes: int, length: int) -> int:
        """``KV cache size: … tokens`` of the engine's log: concurrency times length."""
        return int(self.concurrency(cache_bytes, length) * length)

    def needed(self, length: int, concurrency: int) -> int:
        """Bytes for so many requests of so many tokens, and for the block that the engine keeps back."""
        return (self.blocks_per_request(length) * concurrency + 1) * self.bytes_per_block

    def largest_context(self, cache_bytes: int, concurrency: int, most: int) -> int:
        """Tokens, at most ``most``; 0 when not even one fits."""
        low, high = 0, most
        while low < high:
            middle = (low + high + 1) // 2
            if self.needed(middle, concurrency) <= cache_bytes:
                low = middle
            else:
                high = middle - 1
        return low

    def _blocks(self, group: Group, length: int) -> int:
        if group.kind is LayerKind.STATE:
            return group.states
        if group.kind is LayerKind.SLIDING and group.window is not None:
            # A window may begin within a block, hence one more.
            return ceil(min(group.window - 1 + self.in_flight, length) / group.block_size) + 1
        return ceil(length / group.block_size)


def pool(layers: Sequence[LayerGroup], layout: Layout) -> Pool:
    """The pool of these layers; there must be some."""
    block_size = _block_size(layers, layout)
    pages = [_page(each, layout, block_size) for each in layers]
    if len({each.kind for each in layers}) == 1 and len({each.window for each in layers}) == 1:
        # One kind throughout: one block table, whatever the sizes.
        size = sum(each.layers * page for each, page in zip(layers, pages, strict=True))
        only = Group(layers[0].kind, 1, block_size, layers[0].window, _states(layers[0], layout))
        return Pool(size, (only,), layout.in_flight)
    largest, each_group = max(pages), _layers_of_a_group([each.layers for each in layers])
    groups = tuple(
        Group(
            each.kind,
            ceil(each.layers / each_group),
            _stretched(each, block_size, largest, page),
            each.window,
            _states(each, layout),
        )
        for each, page in zip(layers, pages, strict=True)
    )
    return Pool(each_group * largest, groups, layout.in_flight)


def token_bytes(layer: LayerGroup, layout: Layout) -> int:
    """Bytes of one token in one layer on one device; 0 for a state."""
    if layer.kind is LayerKind.STATE:
        return 0
    if layer.kind is LayerKind.LATENT:
        return int(layer.head_dim * layout.element_bytes)
    # With more devices than key-value heads, the heads are repeated.
    return int(2 * max(1, layer.kv_heads // layout.tensor) * layer.head_dim * layout.element_bytes)


def _page(layer: LayerGroup, layout: Layout, block_size: int) -> int:
    return _state_bytes(layer, layout) if layer.kind is LayerKind.STATE else token_bytes(layer, layout) * block_size


def _state_bytes(layer: LayerGroup, layout: Layout) -> int:
    recurrent = layout.recurrent_bytes or STATE_BYTES.get(layer.recurrent_dtype or "", layout.model_bytes)
    return (layer.conv_elements * layout.model_bytes + layer.recurrent_elements * recurrent) // layout.tensor


def _states(layer: LayerGroup, layout: Layout) -> int:
    """MambaSpec.max_memory_usage_bytes, whose ``mamba_cache_mode`` is align with prefix caching."""
    return 2 + layer.checkpoints if layout.prefix_caching else 1


def _block_size(layers: Sequence[LayerGroup], layout: Layout) -> int:
    """Beside states, blocks grow until one holds a state, as in platforms/interface.py."""
    state = max((_state_bytes(each, layout) for each in layers if each.kind is LayerKind.STATE), default=0)
    token = max(token_bytes(each, layout) for each in layers)
    if not state or not token:
        return layout.block_size
    is_latent = any(each.kind is LayerKind.LATENT for each in layers)
    step = max(layout.block_size, 128) if is_latent else layout.block_size
    return step * ceil(state / (step * token))


def _layers_of_a_group(counts: Sequence[int]) -> int:
    """_get_kv_cache_groups_uniform_page_size: the smaller count, or the larger when that wastes little."""
    least, most = min(counts), max(counts)
    return most if most < least * 1.5 else least


def _stretched(layer: LayerGroup, block_size: int, largest: int, page: int) -> int:
    """unify_kv_cache_spec_page_size: a smaller page takes more tokens when that comes out even, else is padded."""
    return block_size * (largest // page) if layer.kind is not LayerKind.STATE and largest % page == 0 else block_size
