"""Layers by what they keep for a request, from ``config.json``."""

from collections import Counter
from collections.abc import Sequence

from llmfleet_runtime.facts import LayerGroup, LayerKind

from .architectures import Architecture, States, Windows
from .errors import BadModel, NotSaid
from .section import Section

MOST_LAYERS = 4096
_ATTENTION = {"full_attention", "attention"}
_STATE = {"linear_attention", "mamba"}


def layer_groups(config: Section, architecture: Architecture) -> tuple[LayerGroup, ...]:
    """The groups, largest context first. Raises ``NotSaid`` when a size is missing."""
    if architecture.states is not None:
        return _with_states(config, architecture.states)
    layers = config.number("num_hidden_layers", most=MOST_LAYERS)
    if config.found("kv_lora_rank") is not None:
        width = config.number("kv_lora_rank") + config.number("qk_rope_head_dim")
        return (LayerGroup(kind=LayerKind.LATENT, layers=layers, head_dim=width),)
    windowed = windows(config, architecture, layers)
    return _some(_kept(config, LayerKind.FULL), layers - windowed) + _some(
        _kept(config, LayerKind.SLIDING), windowed, config.found("sliding_window")
    )


def windows(config: Section, architecture: Architecture, layers: int) -> int:
    """How many layers see a sliding window only."""
    if architecture.windows is Windows.NONE or not config.found("sliding_window"):
        return 0
    if architecture.windows is Windows.EVERY:
        return layers
    if architecture.windows is Windows.CHOSEN:
        first = config.found("max_window_layers") or 0
        return max(0, layers - first) if config.is_set("use_sliding_window") else 0
    types = config.texts("layer_types")
    if types:
        return _typed(types, layers)["sliding_attention"]
    every = config.found("sliding_window_pattern", "_sliding_window_pattern") or architecture.full_every
    return layers - layers // every if every else layers


def kv_heads(config: Section) -> int:
    """Key-value heads of all devices together, as vLLM's model_arch_config_convertor.py finds them."""
    if config.is_set("multi_query") and not config.is_set("new_decoder_architecture"):
        return 1
    found = config.found("n_head_kv", "num_kv_heads", "num_key_value_heads")
    return found or config.number("num_attention_heads")


def head_dim(config: Section) -> int:
    """Elements of one head's key."""
    found = config.found("head_dim")
    return found or config.number("hidden_size") // config.number("num_attention_heads")


def _kept(config: Section, kind: LayerKind) -> LayerGroup:
    return LayerGroup(kind=kind, layers=1, kv_heads=kv_heads(config), head_dim=max(1, head_dim(config)))


def _some(group: LayerGroup, layers: int, window: int | None = None) -> tuple[LayerGroup, ...]:
    return (group.model_copy(update={"layers": layers, "window": window}),) if layers else ()


def _typed(types: Sequence[str], layers: int) -> Counter[str]:
    known = _ATTENTION | _STATE | {"sliding_attention"}
    if len(types) != layers:
        raise BadModel(f"config.json: layer_types has {len(types)} entries for {layers} layers")
    if strange := sorted(set(types) - known):
        raise NotSaid(f"config.json: what layers of the type {strange[0]!r:.60} keep is not known")
    return Counter(types)


def _with_states(config: Section, states: States) -> tuple[LayerGroup, ...]:
    if states is States.MAMBA_PATTERN:
        pattern = config.text("hybrid_override_pattern")
        if not pattern:
            raise NotSaid("config.json does not say hybrid_override_pattern")
        full, kept = pattern.count("*"), pattern.count("M")
        return _some(_kept(config, LayerKind.FULL), full) + _some(_nemotron(config), kept)
    layers = config.number("num_hidden_layers", most=MOST_LAYERS)
    types = config.texts("layer_types")
    counted = _typed(types, layers) if types else _by_interval(config, layers)
    full = sum(counted[each] for each in _ATTENTION)
    state = _gated_delta(config) if states is States.GATED_DELTA else _granite(config)
    return _some(_kept(config, LayerKind.FULL), full) + _some(state, layers - full)


def _by_interval(config: Section, layers: int) -> Counter[str]:
    return Counter(full_attention=layers // config.number("full_attention_interval"))


def _gated_delta(config: Section) -> LayerGroup:
    """vLLM, mamba_utils.py: gated_delta_net_state_shape."""
    keys = config.number("linear_num_key_heads") * config.number("linear_key_head_dim")
    heads, width = config.number("linear_num_value_heads"), config.number("linear_value_head_dim")
    return LayerGroup(
        kind=LayerKind.STATE,
        layers=1,
        conv_elements=(2 * keys + heads * width) * (config.number("linear_conv_kernel_dim") - 1),
        recurrent_elements=heads * width * config.number("linear_key_head_dim"),
        recurrent_dtype=config.text("mamba_ssm_dtype"),
    )


def _nemotron(config: Section) -> LayerGroup:
    names = ("mamba_num_heads", "mamba_head_dim", "n_groups", "ssm_state_size", "conv_kernel")
    return _mamba(config, names, config.text("mamba_ssm_cache_dtype") or "float32")


def _granite(config: Section) -> LayerGroup:
    return _mamba(config, ("mamba_n_heads", "mamba_d_head", "mamba_n_groups", "mamba_d_state", "mamba_d_conv"), None)


def _mamba(config: Section, names: tuple[str, ...], dtype: str | None) -> LayerGroup:
    """vLLM, mamba_utils.py: mamba2_state_shape; the groups that tensor parallelism repeats are below 1 % of it.

    The checkpoint is of mamba_mixer2.py: get_kv_cache_spec.
    """
    heads, width, groups, state, kernel = (config.number(name) for name in names)
    return LayerGroup(
        kind=LayerKind.STATE,
        layers=1,
        conv_elements=(heads * width + 2 * groups * state) * (kernel - 1),
        recurrent_elements=heads * width * state,
        recurrent_dtype=dtype,
        checkpoints=1,
    )
