"""What a model's files say of themselves, as far as memory and compatibility depend on it.

Read from configuration files and tensor headers, never from weights. What could not be read stands in ``unknown``
with its reason; nothing is guessed. The documents of the largest known models are below 2,048 bytes, so that an
inspection Job can leave it in its termination message.
"""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from .document import Document


class LayerKind(StrEnum):
    """What a layer keeps for a request (vLLM 0.32, v1/kv_cache_interface.py)."""

    FULL = "Full"
    """Key and value of every token."""
    SLIDING = "Sliding"
    """Key and value of the last ``window`` tokens."""
    LATENT = "Latent"
    """One compressed vector for every token (multi-head latent attention, arXiv 2405.04434)."""
    STATE = "State"
    """A state of fixed size for the whole request: Mamba, linear attention."""


class LayerGroup(Document):
    """Layers that keep the same for a request."""

    kind: LayerKind
    layers: int = Field(ge=1)
    kv_heads: int = Field(default=1, ge=1)
    head_dim: int = Field(default=0, ge=0)
    """Elements of a key, and of a value; of the whole vector with ``Latent``."""
    window: int | None = Field(default=None, ge=1)
    """Tokens that a ``Sliding`` layer sees."""
    conv_elements: int = Field(default=0, ge=0)
    """Elements of a ``State`` layer's convolution state, kept in the model's dtype."""
    recurrent_elements: int = Field(default=0, ge=0)
    recurrent_dtype: str | None = None
    """Of the recurrent state, such as ``float32``; absent: the model's."""
    checkpoints: int = Field(default=0, ge=0)
    """States that prefix caching keeps within a prompt, beside those at the borders of blocks."""


class WeightRole(StrEnum):
    """What an engine does with a tensor: whether tensor parallelism splits it, and quantization shrinks it."""

    LINEAR = "Linear"
    EXPERT = "Expert"
    """Linear layers of experts, of which a token uses a few."""
    EMBEDDING = "Embedding"
    """Input embedding and output matrix: split, and left in the model's dtype."""
    REPLICATED = "Replicated"
    """Norms, routers and small projections that every device holds whole."""
    ENCODER = "Encoder"
    """Towers for images and sound."""


class WeightsFrom(StrEnum):
    """Where the weights' sizes come from."""

    HEADERS = "Headers"
    """Every tensor's own header: exact."""
    INDEX = "Index"
    """The total of ``model.safetensors.index.json``, shared out by the architecture's shapes where those are known."""
    CONFIG = "Config"
    """The shapes that ``config.json`` implies for a known architecture."""


class Weights(Document):
    """Tensors of one role and dtype together."""

    role: WeightRole
    dtype: str
    """As safetensors names it (``BF16``, ``I32``), a GGML type, a method, or ``Mixed`` where only a total is known."""
    elements: int = Field(ge=0)
    """Stored numbers: eight four-bit weights in an ``I32`` are one. 0 with ``Mixed``."""
    bytes: int = Field(ge=0)


class QuantizationFacts(Document):
    """How the checkpoint is quantized."""

    method: str
    """``quant_method`` with one name for each format, such as ``awq``, ``compressed-tensors``; ``gguf``."""
    scheme: str | None = None
    """What the method leaves open, such as ``4 bits``, ``FP8 blocks``, ``INT8 channel weight-only``; begins with the
    precision where that has a name. With GGUF the commonest GGML type."""
    weight_bits: int | None = None
    weight_type: Literal["int", "float"] | None = None
    group_size: int | None = None
    """Weights that share a scale; absent: a channel, a block of 128 by 128, or not said."""
    activation_bits: int | None = None
    has_zero_points: bool | None = None
    is_ordered_by_activation: bool | None = None
    """GPTQ's ``desc_act``."""
    kv_cache: str | None = None
    """The KV-cache dtype that the checkpoint was calibrated for: ``fp8``, ``nvfp4``."""


class ModelFacts(Document):
    """One model's facts; an absent member is unknown or does not apply."""

    version: Literal[1] = 1
    kind: Literal["Model"] = "Model"
    format: Literal["Safetensors", "GGUF"] | None = None
    architecture: str | None = None
    """The first of ``architectures``; with GGUF ``general.architecture``."""
    dtype: str | None = None
    """Of the computation: ``bfloat16``, ``float16``, ``float32``."""
    max_positions: int | None = None
    """Tokens: the longest context that the engine accepts without being forced."""
    hidden_size: int | None = None
    intermediate_size: int | None = None
    """Inner size that one token passes: of the chosen and shared experts together where there are experts."""
    heads: int | None = None
    head_dim: int | None = None
    vocab_size: int | None = None
    experts: int | None = None
    experts_per_token: int | None = None
    expert_size: int | None = None
    """Inner size of one expert."""
    layers: tuple[LayerGroup, ...] = ()
    """Empty: unknown, or nothing is kept."""
    weights: tuple[Weights, ...] = ()
    weights_from: WeightsFrom | None = None
    quantization: QuantizationFacts | None = None
    is_multimodal: bool = False
    has_tokenizer: bool = False
    has_chat_template: bool = False
    unknown: tuple[str, ...] = ()
    """One sentence for each thing that could not be read."""


class TargetModule(Document):
    """One kind of linear layer that an adapter changes, with the shapes its tensors have."""

    name: str
    inputs: int
    outputs: int
    layers: int
    """How many layers have it."""


class AdapterFacts(Document):
    """A LoRA adapter's facts, from ``adapter_config.json`` and the headers of its tensors."""

    version: Literal[1] = 1
    kind: Literal["Adapter"] = "Adapter"
    type: str | None = None
    """``peft_type``."""
    base_model: str | None = None
    rank: int | None = None
    """The largest of its tensors; ``r`` where there are no tensors."""
    modules: tuple[TargetModule, ...] = ()
    last_layer: int | None = None
    """The highest layer number that a tensor names."""
    refused: tuple[str, ...] = ()
    """What vLLM 0.32 does not take: DoRA, bias, modules_to_save and others, by the name of the setting."""
    bytes: int = 0
