"""Facts for tests: the tiny models of measured tables, and the public ones."""

import json
import tomllib
from pathlib import Path
from typing import Any

from llmfleet_runtime.contract import LayerGroup, LayerKind, ModelFacts, WeightRole, Weights
from llmfleet_runtime.inspection.model import Files, model_facts
from llmfleet_runtime.inspection.section import Section

HERE = Path(__file__).parent
PUBLIC: dict[str, Any] = json.loads((HERE / "public_models.json").read_text())
VERDICTS: list[dict[str, Any]] = tomllib.loads((HERE / "public_verdicts.toml").read_text())["case"]


def public(name: str, **changed: Any) -> ModelFacts:
    entry = PUBLIC[name]
    total = {"metadata": {"total_size": entry["total_size"]}} if "total_size" in entry else {}
    index = Section("index", total) if total else None
    config = Section("config.json", {**entry["config"], **changed})
    return model_facts(Files(frozenset(), config=config, index=index))


def layer(kind: LayerKind = LayerKind.FULL, layers: int = 4, **sizes: Any) -> LayerGroup:
    return LayerGroup(kind=kind, layers=layers, **{"kv_heads": 4, "head_dim": 32, **sizes})


def tiny(*layers: LayerGroup, **members: Any) -> ModelFacts:
    """Weights of 100 MB, and these layers."""
    weights = (Weights(role=WeightRole.LINEAR, dtype="BF16", elements=50_000_000, bytes=100_000_000),)
    sizes = {"hidden_size": 256, "intermediate_size": 512, "heads": 8, "head_dim": 32, "vocab_size": 2048}
    given = {"dtype": "bfloat16", "max_positions": 32768, "layers": layers or (layer(),), "weights": weights}
    return ModelFacts(**{**given, **sizes, **members})
