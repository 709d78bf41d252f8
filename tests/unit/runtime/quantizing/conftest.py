"""A stand-in for the libraries that make checkpoints, and an order for it."""

import json
import shutil

import pytest

from e2e.engine import tiny_model
from llmfleet_runtime.contract import Order
from llmfleet_runtime.quantizing import compressor, reference
from llmfleet_runtime.quantizing.evaluation import Observed

SECTIONS = {
    "FP8": {
        "weights": {"num_bits": 8, "type": "float", "strategy": "channel"},
        "input_activations": {"num_bits": 8, "type": "float", "strategy": "token", "dynamic": True},
    },
    "GPTQ": {"weights": {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 128}},
}


class Libraries:
    """Notes what was made and looked at; ``broken`` methods raise."""

    def __init__(self) -> None:
        self.made, self.seen, self.broken = [], [], set()
        self.sections = dict(SECTIONS)

    def compress(self, source, target, recipe, group, samples, told):
        told("quantizing", 1, 2)
        self.made.append(recipe.method)
        if recipe.method in self.broken:
            raise RuntimeError("killed")
        shutil.copyfile(source / "model.safetensors", target / "model.safetensors")
        config = json.loads((source / "config.json").read_text())
        section = {"quant_method": "compressed-tensors", "config_groups": {"group_0": self.sections[recipe.method]}}
        (target / "config.json").write_text(json.dumps({**config, "quantization_config": section}))

    def observe(self, folder, shown, told):
        told("evaluating", 0, shown.parts)
        self.seen.append(folder.name)
        tokens = len(shown.windows[0]) - 1
        return Observed(
            by="a",
            logprobs=(-2.0 * tokens,) * len(shown.windows),
            choices=((7,) * tokens,) * len(shown.windows),
            continuations=((7,) * shown.more,) * len(shown.beginnings),
        )


@pytest.fixture
def libraries(monkeypatch):
    found = Libraries()
    monkeypatch.setattr(compressor, "version", lambda: "llm-compressor 0.14.0")
    monkeypatch.setattr(compressor, "compress", found.compress)
    monkeypatch.setattr(reference, "version", lambda: "transformers 5")
    monkeypatch.setattr(reference, "tokens", lambda folder, texts: ([0], [list(text.encode()) for text in texts]))
    monkeypatch.setattr(reference, "observe", found.observe)
    monkeypatch.setattr(reference, "let_go", lambda: None)
    return found


@pytest.fixture
def order(tmp_path):
    model = tiny_model(tmp_path / "model")
    text = tmp_path / "text"
    text.write_text("It is a truth universally acknowledged.\n" * 400)
    return Order(
        model=str(model), methods=("FP8", "GPTQ"), out=str(tmp_path / "out"), text=str(text), length=64, judged=4
    )
