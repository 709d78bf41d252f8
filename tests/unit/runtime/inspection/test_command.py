"""``python -m llmfleet_runtime.inspection FOLDER``: its document and its exit codes."""

import json
from pathlib import Path

import pytest

from e2e.engine import tiny_model
from llmfleet_runtime.contract import AdapterFacts, ModelFacts
from llmfleet_runtime.inspection.__main__ import BAD_MODEL, UNREADABLE, main
from tests.unit.runtime.inspection.written import gguf, safetensors


def test_the_facts_of_a_model_are_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tiny_model(tmp_path))]) == 0
    assert ModelFacts.model_validate_json(capsys.readouterr().out).architecture == "LlamaForCausalLM"


def test_the_facts_of_an_adapter_are_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4}))
    names = {f"x.layers.0.q_proj.lora_{side}.weight": ("BF16", (4, 4)) for side in "AB"}
    (tmp_path / "adapter_model.safetensors").write_bytes(safetensors(names))
    assert main([str(tmp_path)]) == 0
    assert AdapterFacts.model_validate_json(capsys.readouterr().out).rank == 4


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [(".", BAD_MODEL, "config.json"), ("missing", UNREADABLE, "missing")],
    ids=["broken", "no such folder"],
)
def test_what_is_wrong_is_said_on_standard_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], source: str, code: int, words: str
) -> None:
    (tmp_path / "config.json").write_bytes(b"{")
    assert main([str(tmp_path / source)]) == code
    assert words in capfd.readouterr().err


def test_a_gguf_file_stands_for_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.gguf").write_bytes(gguf({"general.architecture": "llama"}, {"token_embd.weight": (1, (4, 8))}))
    (tmp_path / "b.gguf").write_bytes(b"another one beside")
    assert main([str(tmp_path / "a.gguf")]) == 0
    assert ModelFacts.model_validate_json(capsys.readouterr().out).format == "GGUF"


def test_a_projector_beside_a_gguf_file_is_no_second_model(tmp_path: Path) -> None:
    for name in ("model.gguf", "mmproj-model.gguf"):
        (tmp_path / name).write_bytes(gguf({"general.architecture": "llama"}, {}))
    assert main([str(tmp_path)]) == 0
    (tmp_path / "other.gguf").write_bytes(gguf({"general.architecture": "llama"}, {}))
    assert main([str(tmp_path)]) == BAD_MODEL


def test_pickled_weights_beside_safe_ones_are_passed_over(tmp_path: Path) -> None:
    model = tiny_model(tmp_path)
    (model / "pytorch_model.bin").write_bytes(b"PK")
    assert main([str(model)]) == 0
    (model / "model.safetensors").unlink()
    assert main([str(model)]) == BAD_MODEL
