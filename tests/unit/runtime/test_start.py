"""start.py: what is decided and laid ready before the engine starts."""

import json
from pathlib import Path

import pytest

from llmfleet_runtime.argv import BadConfig, Platform
from llmfleet_runtime.contract import CHAT_TEMPLATE, EngineConfig, Quantization
from llmfleet_runtime.start import prepare

GPU = Platform("0.32.0", cpus=16)


def config(**members):
    return EngineConfig(**{"model": "/models/tiny", "served_names": ("a",), **members})


def option(start, name):
    found = [each for each in start.command if each.startswith(f"--{name}=")]
    return found[0].partition("=")[2] if found else None


def test_each_start_has_a_token_of_its_own_and_keeps_the_containers_variables():
    first, second = (prepare(config(), GPU, {"HF_HOME": "/cache", "HF_TOKEN": "t\n"}) for _ in range(2))
    assert first.token != second.token
    assert (first.environment["HF_HOME"], first.environment["HF_TOKEN"]) == ("/cache", "t")
    assert (option(first, "quantization"), option(first, "chat-template"), first.weights) == (None, None, None)


def test_weights_that_the_engine_makes_are_asked_of_it(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    start = prepare(config(model=str(tmp_path), quantization=Quantization(method="FP8")), GPU, {})
    assert (option(start, "quantization"), start.weights) == ("fp8", "FP8 made on the fly")


def test_a_checkpoint_that_is_quantized_needs_no_option(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"quantization_config": {"quant_method": "awq", "bits": 4}}))
    start = prepare(config(model=str(tmp_path), quantization=Quantization(method="AWQ")), GPU, {})
    assert (option(start, "quantization"), start.weights) == (None, "awq, 4 bits")


@pytest.mark.parametrize(("task", "words"), [("Generate", "model.task is Generate"), ("Embed", "model.task is Embed")])
def test_a_model_that_only_scores_is_not_even_started_for_anything_else(tmp_path, task, words):
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["LlamaForSequenceClassification"]}))
    with pytest.raises(BadConfig, match=f"{words}, and a LlamaForSequenceClassification does nothing but Score"):
        prepare(config(model=str(tmp_path), task=task), GPU, {})


@pytest.mark.parametrize("task", [None, "Score"])
@pytest.mark.parametrize("text", ['{"architectures": ["LlamaForSequenceClassification"]}', "{}", "no JSON"])
def test_a_task_that_the_model_may_do_is_left_to_the_engine(tmp_path, task, text):
    (tmp_path / "config.json").write_text(text)
    start = prepare(config(model=str(tmp_path), task=task), GPU, {})
    assert option(start, "runner") == (task and "pooling")
    assert option(prepare(config(task="Embed"), GPU, {}), "runner") == "pooling"


@pytest.mark.parametrize("text", ["{{ messages }}\n", "zeile\r\n\tümläut 🦙 $(A) {% raw %}"])
def test_a_chat_template_becomes_a_read_only_file_and_leaves_the_environment(tmp_path, monkeypatch, text):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    start = prepare(config(), GPU, {CHAT_TEMPLATE: text})
    path = Path(option(start, "chat-template"))
    assert path.is_relative_to(tmp_path)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (text.encode(), 0o400)
    assert CHAT_TEMPLATE not in start.environment


def test_an_empty_chat_template_is_refused():
    with pytest.raises(BadConfig, match="chat template"):
        prepare(config(), GPU, {CHAT_TEMPLATE: " \n"})
