"""``llmfleet fit``: what it prints, its document, its exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from e2e.engine import tiny_model, tiny_vision_model
from llmfleet.__main__ import main
from llmfleet.shell import inspection
from llmfleet.shell.inspection import inspected
from tests.engine.hub import hub
from tests.unit.operator.fit.models import PUBLIC


def ran(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["fit", str(folder), *arguments])


def folder_of(tmp_path: Path, name: str, total: int | None = None, **changed: Any) -> Path:
    (tmp_path / "config.json").write_text(json.dumps({**PUBLIC[name]["config"], **changed}))
    if total:
        index = {"metadata": {"total_size": total}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    return tmp_path


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return folder_of(tmp_path, "meta-llama/Llama-3.1-8B")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--gpu", "H100"], 0),
        (["--gpu", "L4"], 2),
        (["--gpu", "L4", "--gpu", "H100"], 0),
        (["--gpu", "L4", "--max-model-len", "8192"], 0),
        (["--gpu", "L4", "--max-model-len", "8192", "--concurrency", "100"], 2),
        (["--gpu", "L4", "--precision", "fp8", "--kv-cache-dtype", "fp8"], 0),
        (["--gpu", "L4", "--max-model-len", "30000", "--adapters", "64", "--rank", "256"], 2),
        (["--gpu", "L4", "--tensor", "4"], 0),
        (["--gpu", "L4", "--tensor", "3"], 2),
        (["--gpu", "H100", "--utilization", "0.2"], 2),
        ([], 0),
    ],
    ids=str,
)
def test_the_exit_code_is_the_answer(llama: Path, arguments: list[str], code: int) -> None:
    found = ran(llama, *arguments)
    assert found.exit_code == code, found.output


def test_people_read_the_model_the_verdict_and_what_would_fit(llama: Path) -> None:
    lines = ran(llama, "--gpu", "l4", "--max-model-len", "40960").output.splitlines()
    text = "\n".join(" ".join(line.split()) for line in lines)
    assert f"{llama.name}: LlamaForCausalLM, weights 15.0 GiB, bfloat16, up to 131,072 tokens" in text
    assert "from the shapes that config.json implies: linear 13.0 GiB, embedding 2.0 GiB, replicated 0.5 MiB" in text
    assert "kept for a request: 32 layers full (8 heads of 128)" in text
    assert "NVIDIA-L4 does not fit? 20.3 GiB 15.0 GiB ~1.1 GiB 4.2 GiB 34,672 0.8" in text
    assert "activations ~0.3 GiB 2,048 tokens, 256 requests" in text
    assert "does not fit?: the cache for 1 x 40,960 tokens takes 5.0 GiB, 4.2 GiB are left" in text
    assert "precision FP8 5.7 GiB 40,960 2.1 8 bits a weight, made while loading" in text
    assert max(map(len, lines)) <= 120


def test_several_gpus_are_a_table_and_stand_in_for_each_other(llama: Path) -> None:
    text = ran(llama, "--gpu", "T4", "--gpu", "L40S").output
    assert "What would fit instead of 1 x Tesla-T4" in text
    assert "NVIDIA-L40S" in text.split("instead of")[1]


def test_programs_read_a_document(llama: Path) -> None:
    found = json.loads(ran(llama, "--gpu", "L4", "--gpu", "H100", "-o", "json").output)
    assert found["facts"]["architecture"] == "LlamaForCausalLM"
    small, large = found["fits"]
    assert (small["verdict"], large["verdict"]) == ("DoesNotFit", "Fits")
    assert small["headroomBytes"] < 0 < large["headroomBytes"]
    assert {each["what"]: each["isEstimate"] for each in large["shares"]} == {
        "weights": False,
        "activations": True,
        "graphs": True,
        "driver": True,
    }
    assert {"change", "why", "maxModelLen"} <= set(small["alternatives"][0])
    assert large["alternatives"] == []


def test_the_index_alone_gives_the_weights_as_a_total(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "Qwen/Qwen3-Next-80B-A3B-Instruct", total=162_649_725_440)
    found = ran(folder, "--gpu", "H200", "--tensor", "4")
    assert found.exit_code == 0
    assert "from the index's total: linear 151.5 GiB" in found.output
    assert "kept for a request: 12 layers full (2 heads of 256) + 36 layers state (a fixed size)" in found.output
    assert "note: weights by tensor: neither headers nor shapes of this architecture are at hand" in found.output


@pytest.mark.parametrize("total", [None, 10**10])
def test_an_unknown_architecture_says_what_is_not_known(tmp_path: Path, total: int | None) -> None:
    folder = folder_of(tmp_path, "meta-llama/Llama-3.1-8B", total=total, architectures=["BrandNew"])
    found = ran(folder, "--gpu", "H100")
    assert found.exit_code == 1
    assert "unknown: " in found.output
    assert "note: layers and cache: the architecture BrandNew is not known" in found.output


def test_a_whole_folder_is_read_by_its_headers(tmp_path: Path) -> None:
    found = ran(tiny_model(tmp_path), "--gpu", "T4")
    assert found.exit_code == 0
    assert "from every tensor's header: linear 0.6 MiB, embedding 0.5 MiB" in found.output


def test_a_model_that_sees_has_its_eye_counted_and_the_rest_said_to_be_unknown(tmp_path: Path) -> None:
    found = ran(tiny_vision_model(tmp_path), "--gpu", "T4")
    assert found.exit_code == 1
    assert "linear 0.6 MiB, embedding 0.5 MiB, encoder 0.1 MiB" in found.output
    assert "note: images and sound need more while they are encoded, which is not counted" in found.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--gpu", "H9000"], "H9000 is not known; known are T4, "),
        (["--tensor", "0"], "0 is not in the range"),
        (["--precision", "FP1"], "FP1"),
        (["--bogus"], "No such option"),
    ],
)
def test_wrong_usage_is_exit_code_1(llama: Path, arguments: list[str], words: str) -> None:
    found = ran(llama, *arguments)
    assert found.exit_code == 1
    assert words in found.output


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("config.json", "{", "config.json: no JSON that can be read"),
        ("readme.txt", "", "the folder has neither a config.json nor a GGUF file"),
        ("adapter_config.json", "{}", "holds no model"),
    ],
)
def test_a_folder_that_cannot_be_read_is_exit_code_1(tmp_path: Path, file: str, content: str, words: str) -> None:
    (tmp_path / file).write_text(content)
    found = ran(tmp_path)
    assert found.exit_code == 1
    assert words in found.output


def test_what_is_neither_a_folder_nor_a_name_is_exit_code_1(tmp_path: Path) -> None:
    found = ran(tmp_path / "missing")
    assert found.exit_code == 1
    assert "is no folder here, and no ORG/NAME of a hub either" in found.output


def test_a_repository_is_read_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub({"org/tiny": tiny_model(tmp_path)}) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        found = CliRunner().invoke(main, ["fit", "org/tiny", "--gpu", "T4", "--gpu", "H100"])
        absent = CliRunner().invoke(main, ["fit", "hf://org/absent"])
    assert found.exit_code == 0
    assert found.output.startswith("org/tiny: LlamaForCausalLM")
    assert "from every tensor's header: linear 0.6 MiB, embedding 0.5 MiB" in found.output
    assert (absent.exit_code, "the hub knows no org/absent" in absent.output) == (1, True)


def test_a_reader_that_hangs_is_given_up(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "TIMEOUT_SECONDS", 0.001)
    with pytest.raises(ValueError, match="was not read within"):
        inspected(str(llama))
