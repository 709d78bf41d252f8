"""A model folder's texts and headers -> ``ModelFacts``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from llmfleet_runtime.facts import LayerGroup, LayerKind, ModelFacts, QuantizationFacts, WeightsFrom

from .architectures import ARCHITECTURES, GGUF_ARCHITECTURES
from .errors import BadModel, NotSaid, UnsafeWeights
from .gguf import Value
from .layers import head_dim, layer_groups
from .quantization import kept_whole, quantization
from .safetensors import Tensor
from .section import Section
from .shapes import expert_count, expert_inner, parts, shared_inner
from .weights import from_parts, from_tensors, of_total

_POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_sequence_length", "seq_len")
_UNSCALED = ("su", "longrope", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling", "default")


PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


class GgufFile(NamedTuple):
    """The head of one GGUF file."""

    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]


@dataclass(frozen=True)
class Files:
    """What was read of a folder."""

    names: frozenset[str]
    config: Section | None = None
    quant_config: Section | None = None
    """``hf_quant_config.json``."""
    tokenizer_config: Section | None = None
    index: Section | None = None
    """``model.safetensors.index.json``."""
    tensors: tuple[Tensor, ...] | None = None
    """Of all safetensors headers; None when there are none."""
    gguf: GgufFile | None = None
    adapter_config: Section | None = None
    missing: tuple[str, ...] = field(default=())
    """Files that the index names and the folder lacks."""

    @property
    def has_only_pickled_weights(self) -> bool:
        """Whether weights are there, and none in a format that holds nothing else."""
        return any(name.endswith(PICKLED) for name in self.names) and not (self.tensors or self.index or self.gguf)


def model_facts(files: Files) -> ModelFacts:
    """Raises ``BadModel`` for broken files; what they do not say is listed in ``unknown``."""
    if files.has_only_pickled_weights:
        raise UnsafeWeights("the weights are in pickled files alone, which may hold code; save them as safetensors")
    if files.gguf is not None and files.config is None:
        return _of_gguf(files.gguf)
    if files.config is None:
        raise BadModel("the folder has neither a config.json nor a GGUF file")
    return _Reading(files, files.config).facts()


class _Reading:
    """One pass over a configuration that collects what it does not say."""

    def __init__(self, files: Files, config: Section) -> None:
        self.files, self.config = files, config
        self.unknown: list[str] = []
        names = config.texts("architectures")
        self.name = names[0][:100] if names else None
        self.architecture = ARCHITECTURES.get(self.name or "")
        text = config.part("text_config", "llm_config", "language_config") or config
        self.text = text.over(self.architecture.defaults) if self.architecture else text

    def facts(self) -> ModelFacts:
        if self.architecture is None:
            self.unknown.append(f"layers and cache: the architecture {self.name or 'of config.json'} is not known")
        quantized = quantization(self.config, self.text, self.files.quant_config)
        weights, source = self._weights(quantized)
        return ModelFacts(
            format="Safetensors" if self.files.tensors is not None or self.files.index is not None else None,
            architecture=self.name,
            dtype=self._dtype(),
            max_positions=_positions(self.config, self.text),
            **_sizes(self.text),
            layers=self._layers(),
            weights=weights,
            weights_from=source,
            quantization=quantized,
            is_multimodal=self.architecture.is_multimodal
            if self.architecture
            else "vision_config" in self.config.values,
            **_presence(self.files),
            unknown=tuple(self.unknown),
        )

    def _dtype(self) -> str | None:
        for section in (self.config, self.text):
            found = section.text("dtype") or section.text("torch_dtype")
            if found:
                return found.removeprefix("torch.")
        return None

    def _layers(self) -> tuple[LayerGroup, ...]:
        if self.architecture is None:
            return ()
        try:
            return layer_groups(self.text, self.architecture)
        except NotSaid as error:
            self.unknown.append(f"layers and cache: {error.args[0]}")
            return ()

    def _weights(self, quantized: QuantizationFacts | None) -> tuple[Any, WeightsFrom | None]:
        tied = self.architecture.is_tied if self.architecture else False
        if self.files.tensors is not None and not self.files.missing:
            layers, is_tied = (
                self.text.found("num_hidden_layers"),
                self.text.is_set("tie_word_embeddings", default=tied),
            )
            return from_tensors(self.files.tensors, layers, is_tied=is_tied), WeightsFrom.HEADERS
        shaped = self._shaped(quantized)
        total = self._total()
        if total and not self.text.found("num_nextn_predict_layers"):
            return of_total(shaped, total), WeightsFrom.INDEX
        if not shaped:
            return ((), None) if not total else (of_total((), total), WeightsFrom.INDEX)
        return shaped, WeightsFrom.CONFIG

    def _shaped(self, quantized: QuantizationFacts | None) -> tuple[Any, ...]:
        known = self.architecture
        if known is None or known.shapes is None or known.is_multimodal:
            self.unknown.append("weights by tensor: neither headers nor shapes of this architecture are at hand")
            return ()
        if quantized is not None and quantized.weight_bits is None:
            self.unknown.append(f"weights: how many bits {quantized.method} stores is not said")
            return ()
        try:
            found = tuple(parts(self.text, known, known.shapes))
        except NotSaid as error:
            self.unknown.append(f"weights: {error.args[0]}")
            return ()
        return from_parts(found, self._dtype() or "bfloat16", quantized, kept_whole(self.config, self.text))

    def _total(self) -> int | None:
        metadata = self.files.index.part("metadata") if self.files.index else None
        return metadata.found("total_size", most=2**50) if metadata else None


def _sizes(text: Section) -> dict[str, Any]:
    """Sizes that are only shown or estimated with: absent ones do not stop anything."""
    sizes: dict[str, Any] = {name: text.found(name) for name in ("hidden_size", "vocab_size")}
    sizes["heads"] = text.found("num_attention_heads")
    sizes["experts"], sizes["experts_per_token"] = (
        expert_count(text),
        text.found("num_experts_per_tok", "experts_per_token"),
    )
    try:
        sizes["head_dim"] = head_dim(text)
        sizes["expert_size"] = expert_inner(text) if sizes["experts"] else None
        chosen = (sizes["experts_per_token"] or 0) * expert_inner(text) + shared_inner(text) if sizes["experts"] else 0
    except NotSaid:
        return sizes
    return sizes | {"intermediate_size": chosen or text.found("intermediate_size", "ffn_dim") or None}


def _positions(config: Section, text: Section) -> int | None:
    """Tokens; a rope factor counts unless its kind says that it is counted already, as in vLLM's config/model.py."""
    longest = text.found("model_max_length") or min(
        filter(None, (text.found(name) for name in _POSITIONS)), default=None
    )
    rope = text.part("rope_scaling", "rope_parameters")
    if longest is None or rope is None:
        return longest
    kind = rope.text("rope_type") or rope.text("type") or "default"
    if kind in ("longrope", "su"):
        return text.found("original_max_position_embeddings") or longest
    factor = rope.values.get("factor")
    is_scaled = kind in _UNSCALED or "gemma3" in (config.text("model_type") or "")
    if is_scaled or not isinstance(factor, int | float) or isinstance(factor, bool) or not 0 < factor < 10_000:
        return longest
    return int(longest * factor)


def _presence(files: Files) -> dict[str, Any]:
    tokenizers = {"tokenizer.json", "tokenizer.model", "tekken.json", "vocab.json", "spiece.model"}
    templates = {"chat_template.jinja", "chat_template.json"}
    said = files.tokenizer_config is not None and "chat_template" in files.tokenizer_config.values
    return {"has_tokenizer": bool(files.names & tokenizers), "has_chat_template": said or bool(files.names & templates)}


def _of_gguf(gguf: GgufFile) -> ModelFacts:
    metadata = Section("GGUF", gguf.metadata)
    name = metadata.text("general.architecture")
    own = Section(
        "GGUF",
        {key.removeprefix(f"{name}."): value for key, value in gguf.metadata.items() if not isinstance(value, list)},
    )
    layers, unknown = (
        _gguf_layers(own) if name in GGUF_ARCHITECTURES else ((), (f"the GGUF architecture {name} is not known",))
    )
    count = own.found("block_count", most=4096)
    types = [tensor.dtype for tensor in gguf.tensors if len(tensor.shape) > 1]
    vocabulary = own.found("vocab_size")
    return ModelFacts(
        format="GGUF",
        architecture=name,
        dtype="float16",
        max_positions=own.found("context_length"),
        hidden_size=own.found("embedding_length"),
        intermediate_size=own.found("feed_forward_length"),
        heads=own.found("attention.head_count"),
        vocab_size=vocabulary
        or next((each.shape[-1] for each in gguf.tensors if each.name == "token_embd.weight"), None),
        experts=own.found("expert_count"),
        experts_per_token=own.found("expert_used_count"),
        layers=layers,
        weights=from_tensors(gguf.tensors, count, is_tied=False),
        weights_from=WeightsFrom.HEADERS,
        quantization=QuantizationFacts(method="gguf", scheme=max(set(types), key=types.count) if types else None),
        has_tokenizer="tokenizer.ggml.model" in gguf.metadata,
        has_chat_template="tokenizer.chat_template" in gguf.metadata,
        unknown=unknown,
    )


def _gguf_layers(own: Section) -> tuple[tuple[LayerGroup, ...], tuple[str, ...]]:
    try:
        layers, heads = own.number("block_count", most=4096), own.number("attention.head_count")
        width = own.found("attention.key_length") or own.number("embedding_length") // heads
        key_heads = own.number("attention.head_count_kv")
    except NotSaid as error:
        return (), (f"layers and cache: {error.args[0]}",)
    return (LayerGroup(kind=LayerKind.FULL, layers=layers, kv_heads=key_heads, head_dim=max(1, width)),), ()
