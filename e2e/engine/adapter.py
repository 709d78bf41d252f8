"""LoRA adapters for the tiny model: each makes it say one syllable again and again. Standard library only.

The tiny model's component 0 is the same large number at every place (``model.LOUD``). So a rank-one change of the last
layer's gate and up projections opens one inner unit wide, whatever the text, and one of the down projection turns that
unit into the row of the wanted token in the last matrix: that token wins by far.
"""

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .model import HIDDEN, INNER, LAYERS, Shape, _bfloat16, _write_json, _write_safetensors

UNIT = 7
"""The inner unit that the adapter opens."""
LAST = "lm_head.weight"
NAMES = "{outer}layers.{layer}.mlp.{module}.lora_{side}.weight"


@dataclass(frozen=True)
class Flaw:
    """What is wrong with an adapter; nothing by default."""

    hidden: int = HIDDEN
    layer: int = LAYERS - 1
    modules: tuple[str, str, str] = ("gate_proj", "up_proj", "down_proj")
    outer: str = "base_model.model.model."
    """What the layers are in; without the last part, as adapters have it that were trained without the model's head."""
    config: dict[str, Any] = field(default_factory=dict)
    """Laid over ``adapter_config.json``."""


def tiny_adapter(target: Path, model: Path, says: str = "ba", rank: int = 8, flaw: Flaw | None = None) -> Path:
    """Write an adapter over the tiny model in ``model`` into ``target`` and return it."""
    flaw = flaw or Flaw()
    target.mkdir(parents=True, exist_ok=True)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "llmfleet/tiny",
        "r": rank,
        "lora_alpha": rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": list(flaw.modules),
    }
    _write_json(target / "adapter_config.json", config | flaw.config)
    _write_safetensors(target / "adapter_model.safetensors", _matrices(_direction(model, says), rank, flaw))
    return target


def _matrices(direction: list[float], rank: int, flaw: Flaw) -> dict[str, tuple[Shape, bytes]]:
    gate, up, down = flaw.modules
    wanted = [*direction, *([0.0] * flaw.hidden)][: flaw.hidden]
    first = _one(rank, flaw.hidden, {(0, 0): 1.0})
    inner = _one(INNER, rank, {(UNIT, 0): 1.0})
    pairs = {
        gate: (first, inner),
        up: (first, inner),
        down: (
            _one(rank, INNER, {(0, UNIT): 1.0}),
            _one(flaw.hidden, rank, {(row, 0): value for row, value in enumerate(wanted)}),
        ),
    }
    return {
        NAMES.format(outer=flaw.outer, layer=flaw.layer, module=module, side=side): matrix
        for module, pair in pairs.items()
        for side, matrix in zip("AB", pair, strict=True)
    }


def _one(rows: int, columns: int, values: dict[tuple[int, int], float]) -> tuple[Shape, bytes]:
    """A matrix of zeros but for a few values."""
    flat = [0.0] * (rows * columns)
    for (row, column), value in values.items():
        flat[row * columns + column] = value
    return (rows, columns), _bfloat16(flat)


def _direction(model: Path, says: str) -> list[float]:
    """The row of the last matrix that belongs to a token, without its bias."""
    token = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"][says]
    raw = (model / "model.safetensors").read_bytes()
    (length,) = struct.unpack_from("<Q", raw)
    begin, _ = json.loads(raw[8 : 8 + length])[LAST]["data_offsets"]
    row = raw[8 + length + begin + token * HIDDEN * 2 :][: HIDDEN * 2]
    values = struct.unpack(f"<{HIDDEN}f", b"".join(b"\0\0" + row[at : at + 2] for at in range(0, len(row), 2)))
    return [0.0, *values[1:]]
