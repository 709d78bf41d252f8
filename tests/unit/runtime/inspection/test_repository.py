"""A repository on a hub, read by the hub's own client: configuration, headers, and nothing more."""

import json
import struct
from pathlib import Path

import pytest

from e2e.engine import tiny_model
from llmfleet_runtime.contract import TERMINATION_MESSAGE_BYTES, Findings, ModelFacts
from llmfleet_runtime.inspection.__main__ import BAD_MODEL, UNREADABLE, facts_of, main
from llmfleet_runtime.inspection.repository import USUAL_HEADER_BYTES
from tests.engine.hub import COMMIT, TOKEN, hub
from tests.unit.runtime.inspection import written


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    """Folders of repositories, by kind of model."""
    folders = {name: tmp_path / name for name in ("tiny", "wide", "head", "pickled", "broken", "empty")}
    for folder in folders.values():
        folder.mkdir()
    tiny_model(folders["tiny"])
    names = {f"model.layers.{layer}.mlp.up_proj.weight": ("BF16", (8, 4)) for layer in range(4000)}
    (folders["wide"] / "config.json").write_text(json.dumps(written.LLAMA))
    (folders["wide"] / "model.safetensors").write_bytes(written.safetensors(names))
    (folders["head"] / "a.gguf").write_bytes(
        written.gguf({"general.architecture": "llama"}, {"token_embd.weight": (1, (4, 8))})
    )
    (folders["pickled"] / "config.json").write_text(json.dumps(written.LLAMA))
    (folders["pickled"] / "pytorch_model.bin").write_bytes(b"PK")
    (folders["broken"] / "config.json").write_text(json.dumps(written.LLAMA))
    (folders["broken"] / "model.safetensors").write_bytes(struct.pack("<Q", 2**60))
    return folders


@pytest.fixture
def inspected(models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Inspect a repository; the exit code and the report."""

    def run(name: str, *arguments: str, token: str = "", address: str = "") -> tuple[int, Findings]:
        report = tmp_path / "report"
        repositories = {f"org/{each}": folder for each, folder in models.items()} | {"team/private": models["tiny"]}
        monkeypatch.setenv("HF_TOKEN", token)
        with hub(repositories) as served:
            monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address or served)
            monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
                                f"{address or served}/{{repo_id}}/resolve/{{revision}}/{{filename}}")  # fmt: skip
            code = main([f"hf://{name}", "--report", str(report), *arguments])
        return code, Findings.model_validate_json(report.read_bytes())

    return run


@pytest.mark.parametrize("name", ["tiny", "wide", "head"])
def test_a_repository_has_the_facts_of_its_folder(models, inspected, name: str) -> None:
    found = inspected(f"org/{name}")
    assert found == (0, Findings(facts=facts_of(models[name]), commit=COMMIT))
    assert found[1].facts.weights


def test_a_header_may_be_longer_than_is_usual(models) -> None:
    with (models["wide"] / "model.safetensors").open("rb") as file:
        assert int.from_bytes(file.read(8), "little") > USUAL_HEADER_BYTES


def test_a_private_repository_is_read_with_the_token(inspected) -> None:
    assert inspected("team/private", token=f"{TOKEN}\n")[0] == 0


@pytest.mark.parametrize(
    ("name", "arguments", "code", "reason", "words"),
    [
        ("org/absent", (), UNREADABLE, "ModelNotFound", "the hub knows no org/absent, or does not show it"),
        ("team/private", (), UNREADABLE, "ModelNotFound", "the hub knows no team/private, or does not show it"),
        ("org/tiny", ("--revision", "v9"), UNREADABLE, "ModelNotFound", "org/tiny has no revision v9"),
        ("not a name", (), UNREADABLE, "ModelNotFound", "the hub knows no not a name"),
        ("team/gated", (), UNREADABLE, "ModelAccessDenied", "the hub refuses access to team/gated"),
        ("org/pickled", (), BAD_MODEL, "UnsafeWeights", "pytorch_model.bin may hold code"),
        ("org/broken", (), BAD_MODEL, "ModelInvalid", "model.safetensors: its header claims"),
        ("org/empty", (), UNREADABLE, "ModelNotFound", "there are no files"),
    ],
)
def test_each_obstacle_has_its_reason(inspected, name: str, arguments, code: int, reason: str, words: str) -> None:
    found, report = inspected(name, *arguments)
    assert (found, report.reason, report.facts) == (code, reason, None)
    assert words in report.message


def test_a_hub_that_gives_no_answer_is_a_failed_download(inspected) -> None:
    code, report = inspected("org/tiny", address="http://127.0.0.1:9")
    assert (code, report.reason) == (UNREADABLE, "ModelDownloadFailed")


def test_a_hub_that_tells_no_sizes_is_said(inspected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.engine.hub.facts", lambda _: {})
    code, report = inspected("org/head")
    assert (code, report.reason) == (UNREADABLE, "ModelDownloadFailed")
    assert report.message == "org/head: the hub does not say how large a.gguf is"


def test_a_folder_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    assert main([str(tmp_path / "absent"), "--report", str(tmp_path / "report")]) == UNREADABLE
    assert Findings.model_validate_json((tmp_path / "report").read_bytes()).reason == "ModelNotFound"


def test_the_report_fits_a_termination_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = ModelFacts(architecture="A", unknown=tuple("x" * 200 for _ in range(40)))
    monkeypatch.setattr("llmfleet_runtime.inspection.__main__.facts_of", lambda _: endless)
    assert main([str(tmp_path), "--report", str(tmp_path / "report")]) == 0
    text = (tmp_path / "report").read_bytes()
    assert len(text) <= TERMINATION_MESSAGE_BYTES
    assert Findings.model_validate_json(text).facts == ModelFacts(architecture="A")
