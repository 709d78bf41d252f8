"""Pure: whether an adapter can be served here, before the engine sees it.

vLLM 0.32 takes an adapter that is narrower than its base model, or has more layers, and answers garbage; a few others
fail only as it moves the weights into place. What is not certain is left to the engine.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .base import INNER, Shapes, headless
from .inspection.safetensors import Tensor
from .lora import RANKS, AdapterReason

PREFIX = "base_model.model."
SUFFIXES = {
    ".lora_A.weight": "A",
    ".lora_B.weight": "B",
    ".lora_embedding_A": "A",
    ".lora_embedding_B": "B",
}
HEADLESS = (
    "it was trained without the model's head, and a model that generates would answer as if it were not there; set "
    "model.task to Embed or Score, or train it with the head"
)
LAYER = re.compile(r"(?<=\blayers\.)\d+(?=\.)")
HEADS = ("classifier", "score")
"""Modules that an adapter may bring whole."""
INITIAL_ONLY = frozenset({"gaussian", "eva", "orthogonal", "mica", "lora_ga"})
"""Ways to initialize that leave the base model's weights alone (``vllm/lora/peft_helper.py``)."""
UNSUPPORTED = {
    "use_dora": "DoRA",
    "lora_bias": "a bias beside the matrices (lora_bias)",
    "alora_invocation_tokens": "activated LoRA (aLoRA)",
    "layer_replication": "layer_replication",
    "use_bdlora": "block-diagonal LoRA",
    "use_qalora": "QALoRA",
}
Pair = dict[str, tuple[str, tuple[int, ...]]]
"""The names and shapes of a module's matrices, by A and B."""


class AdapterRefused(Exception):
    """The adapter cannot be served; the text says why and what would do."""

    def __init__(self, reason: AdapterReason, message: str) -> None:
        """``message`` is for the status."""
        super().__init__(message)
        self.reason = reason


def check(config: Mapping[str, Any], tensors: Iterable[Tensor], base: Shapes, max_rank: int) -> None:
    """Raise ``AdapterRefused`` unless the engine can serve it over a base model of these shapes."""
    _check_kind(config)
    rank = _rank(config, max_rank)
    matrices = _matrices(tensors)
    if not matrices:
        raise AdapterRefused(AdapterReason.INVALID, "adapter_model.safetensors holds no LoRA matrices")
    made_for = str(config.get("base_model_name_or_path") or "an unnamed model")[:100]
    known = headless(base)
    patterns = frozenset(LAYER.sub("*", each) for each in known)
    for name, pair in matrices.items():
        _check_pair(name, pair, None if config.get("rank_pattern") else rank, max_rank)
        module = name.removeprefix(INNER)
        if name == module and INNER + name in base:
            raise AdapterRefused(AdapterReason.BASE_MISMATCH, f"{pair['A'][0]}: {HEADLESS}")
        if module not in known and LAYER.sub("*", module) in patterns:
            words = f"{pair['A'][0]}: this base model has no such layer; the adapter was made for {made_for}"
            raise AdapterRefused(AdapterReason.BASE_MISMATCH, words)
        if module in known:
            is_turned = bool(config.get("fan_in_fan_out")) or pair["A"][0].endswith("lora_embedding_A")
            _check_shape(pair, known[module][::-1] if is_turned else known[module], made_for)


def _check_kind(config: Mapping[str, Any]) -> None:
    if config.get("peft_type", "LORA") != "LORA":
        raise AdapterRefused(AdapterReason.UNSUPPORTED, f"peft_type is {config['peft_type']!r}, only LORA is served")
    found = [words for member, words in UNSUPPORTED.items() if config.get(member)]
    if config.get("bias", "none") != "none":
        found.append("a bias")
    whole = [each for each in config.get("modules_to_save") or () if each not in HEADS]
    if whole:
        found.append(f"modules saved whole (modules_to_save: {', '.join(map(str, whole))})")
    initial = config.get("init_lora_weights", True)
    if isinstance(initial, str) and initial.lower() not in INITIAL_ONLY:
        found.append(f"init_lora_weights {initial!r}, which changes the base model; convert it to a plain adapter")
    if found:
        raise AdapterRefused(AdapterReason.UNSUPPORTED, f"the engine cannot serve {' or '.join(found)}")


def _rank(config: Mapping[str, Any], max_rank: int) -> int:
    missing = [member for member in ("r", "lora_alpha", "target_modules") if config.get(member) is None]
    if missing:
        raise AdapterRefused(AdapterReason.INVALID, f"adapter_config.json has no {' and no '.join(missing)}")
    ranks = [config["r"], *(config.get("rank_pattern") or {}).values()]
    if not all(type(each) is int and each > 0 for each in ranks):
        raise AdapterRefused(AdapterReason.INVALID, f"adapter_config.json: ranks must be whole and positive: {ranks}")
    if max(ranks) > max_rank:
        raise AdapterRefused(
            AdapterReason.RANK_TOO_HIGH,
            f"its rank {max(ranks)} exceeds lora.maxRank {max_rank}; {_way_out(max(ranks))}",
        )
    return int(config["r"])


def _way_out(rank: int) -> str:
    enough = next((each for each in RANKS if each >= rank), None)
    if enough is None:
        return f"the engine serves no rank above {RANKS[-1]}"
    return f"set that to {enough} (of {', '.join(map(str, RANKS))}), which makes a new revision"


def _matrices(tensors: Iterable[Tensor]) -> dict[str, Pair]:
    found: dict[str, Pair] = {}
    for tensor in tensors:
        suffix = next((each for each in SUFFIXES if tensor.name.endswith(each)), None)
        if suffix is not None:
            module = tensor.name.removeprefix(PREFIX).removesuffix(suffix)
            found.setdefault(module, {})[SUFFIXES[suffix]] = (tensor.name, tensor.shape)
    return found


def _check_pair(module: str, pair: Pair, rank: int | None, max_rank: int) -> None:
    if len(pair) < 2:
        raise AdapterRefused(AdapterReason.INVALID, f"{module} has one LoRA matrix and needs two")
    (first, down), (_, up) = pair["A"], pair["B"]
    if len(down) != 2 or len(up) != 2:
        return  # fused experts; the engine knows them
    if down[0] != up[1] or (rank is not None and down[0] != rank):
        told = "" if rank is None else f", adapter_config.json says {rank}"
        raise AdapterRefused(AdapterReason.INVALID, f"{first}: ranks differ: {down[0]} and {up[1]}{told}")
    if down[0] > max_rank:
        raise AdapterRefused(
            AdapterReason.RANK_TOO_HIGH, f"{first}: rank {down[0]} exceeds lora.maxRank {max_rank}; {_way_out(down[0])}"
        )


def _check_shape(pair: Pair, shape: tuple[int, int], made_for: str) -> None:
    """``shape`` is (given, taken), however the layer keeps its matrix: GPT-2's and embeddings keep it turned."""
    (first, down), (second, up) = pair["A"], pair["B"]
    if len(down) != 2 or len(up) != 2 or (up[0], down[1]) == shape:
        return
    rows, columns = shape
    name, given, needed = (first, down, (down[0], columns)) if down[1] != columns else (second, up, (rows, up[1]))
    words = f"{name} is {_text(given)}, this base model needs {_text(needed)}; the adapter was made for {made_for}"
    raise AdapterRefused(AdapterReason.BASE_MISMATCH, words)


def _text(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape))
