"""Which architectures are known, and how each lays out its layers. An architecture that is not here is unknown.

Sources: vLLM 0.32, model_executor/models/<file> as its registry names them, and the defaults of transformers' own
configuration classes, which a ``config.json`` may leave out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto


class Windows(Enum):
    """Which layers see a sliding window only."""

    NONE = auto()
    EVERY = auto()
    """All, when ``sliding_window`` is set."""
    CHOSEN = auto()
    """None unless ``use_sliding_window``; then those from ``max_window_layers`` on."""
    TYPES = auto()
    """Those that ``layer_types`` calls so; without it all but every nth, see ``full_every``."""


class States(Enum):
    """What its layers with a state look like."""

    GATED_DELTA = auto()
    """Qwen3-Next and its successors."""
    MAMBA_PATTERN = auto()
    """Nemotron-H: ``hybrid_override_pattern`` of M, * and others."""
    MAMBA_TYPES = auto()
    """Granite 4: ``layer_types`` of mamba and attention."""


@dataclass(frozen=True)
class Shapes:
    """What a layer's tensors are beyond the plain case: query, key, value, output, a gated inner part, two norms."""

    query_bias: bool = False
    """Query, key and value have a bias although ``attention_bias`` is not set."""
    output_bias: bool = True
    """``attention_bias`` means the output's, too."""
    head_norms: bool = False
    norms: int = 2
    norm_bias: bool = False
    is_gated: bool = True
    inner_bias: bool = False
    positions: int | None = None
    """Learned positions: this many beside ``max_position_embeddings``."""


@dataclass(frozen=True)
class Architecture:
    """How one architecture is read."""

    windows: Windows = Windows.NONE
    full_every: int | None = None
    states: States | None = None
    shapes: Shapes | None = field(default_factory=Shapes)
    """None: its tensors are not known from ``config.json`` alone."""
    is_tied: bool = False
    """The output matrix is the embedding, unless ``tie_word_embeddings`` says otherwise."""
    is_multimodal: bool = False
    defaults: Mapping[str, int] = field(default_factory=dict)


_GEMMA3 = {"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 262208}
_GEMMA3 |= {"sliding_window": 4096, "max_position_embeddings": 131072}
_PLAIN = Architecture()
_MISTRAL = Architecture(Windows.EVERY)
_QWEN2 = Architecture(Windows.CHOSEN, shapes=Shapes(query_bias=True, output_bias=False))
_QWEN3 = Architecture(Windows.CHOSEN, shapes=Shapes(head_norms=True))
_QWEN3_MOE = Architecture(shapes=Shapes(head_norms=True))
_GEMMA3_SHAPES = Shapes(head_norms=True, norms=4)
_WITH_IMAGES = Architecture(Windows.CHOSEN, shapes=None, is_multimodal=True)
_GATED_DELTA = Architecture(states=States.GATED_DELTA, shapes=None)

ARCHITECTURES: Mapping[str, Architecture] = {
    "LlamaForCausalLM": Architecture(Windows.TYPES),
    "InternLM3ForCausalLM": _PLAIN,
    "SolarForCausalLM": _PLAIN,
    "GraniteForCausalLM": _PLAIN,
    "GraniteMoeForCausalLM": _PLAIN,
    "MistralForCausalLM": _MISTRAL,
    "MixtralForCausalLM": _MISTRAL,
    "Qwen2ForCausalLM": _QWEN2,
    "Qwen2MoeForCausalLM": _QWEN2,
    "Qwen3ForCausalLM": _QWEN3,
    "Qwen3MoeForCausalLM": _QWEN3_MOE,
    "Qwen2VLForConditionalGeneration": _WITH_IMAGES,
    "Qwen2_5_VLForConditionalGeneration": _WITH_IMAGES,
    "Qwen3VLForConditionalGeneration": _WITH_IMAGES,
    "Qwen3VLMoeForConditionalGeneration": _WITH_IMAGES,
    "Mistral3ForConditionalGeneration": Architecture(Windows.EVERY, shapes=None, is_multimodal=True),
    "Phi3ForCausalLM": _MISTRAL,
    "GemmaForCausalLM": Architecture(is_tied=True),
    "Gemma2ForCausalLM": Architecture(Windows.TYPES, full_every=2, shapes=Shapes(norms=4), is_tied=True),
    "Gemma3ForCausalLM": Architecture(
        Windows.TYPES, full_every=6, shapes=_GEMMA3_SHAPES, is_tied=True, defaults=_GEMMA3
    ),
    "Gemma3ForConditionalGeneration": Architecture(
        Windows.TYPES, full_every=6, shapes=_GEMMA3_SHAPES, is_tied=True, is_multimodal=True, defaults=_GEMMA3
    ),
    "CohereForCausalLM": Architecture(shapes=Shapes(norms=1), is_tied=True),
    "Glm4MoeForCausalLM": Architecture(shapes=Shapes(output_bias=False)),
    "DeepseekV2ForCausalLM": _PLAIN,
    "DeepseekV3ForCausalLM": _PLAIN,
    "GptOssForCausalLM": Architecture(Windows.TYPES, full_every=2, shapes=Shapes(inner_bias=True)),
    # A layer without rotary positions sees everything; the others a chunk, but while vLLM's hybrid cache is off for
    # chunks (config/vllm.py) every layer is given the whole context.
    "Llama4ForConditionalGeneration": Architecture(shapes=None, is_multimodal=True),
    "OPTForCausalLM": Architecture(
        shapes=Shapes(query_bias=True, norm_bias=True, is_gated=False, inner_bias=True, positions=2), is_tied=True
    ),
    "FalconForCausalLM": Architecture(
        shapes=Shapes(norms=1, norm_bias=True, is_gated=False), is_tied=True, defaults={"max_position_embeddings": 2048}
    ),
    "Qwen3NextForCausalLM": _GATED_DELTA,
    "Qwen3_5ForConditionalGeneration": Architecture(states=States.GATED_DELTA, shapes=None, is_multimodal=True),
    "Qwen3_5MoeForConditionalGeneration": Architecture(states=States.GATED_DELTA, shapes=None, is_multimodal=True),
    "NemotronHForCausalLM": Architecture(states=States.MAMBA_PATTERN, shapes=None),
    "GraniteMoeHybridForCausalLM": Architecture(states=States.MAMBA_TYPES, shapes=None),
}

GGUF_ARCHITECTURES = frozenset({"llama", "qwen2", "qwen2moe", "qwen3", "qwen3moe", "granite", "internlm2", "gemma"})
"""Those of llama.cpp whose layers all keep key and value of every token. (llama.cpp, src/llama-model.cpp)"""
