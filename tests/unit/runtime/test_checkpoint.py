"""checkpoint.py: the small files of a folder or a repository that say what the weights are."""

import json
import sys
import types

import pytest

from llmfleet_runtime.argv import BadConfig
from llmfleet_runtime.checkpoint import checkpoint
from llmfleet_runtime.contract import EngineConfig, Quantization
from llmfleet_runtime.precision import Precision

AWQ = {"quantization_config": {"quant_method": "awq", "bits": 4}}


def config(model, method=None, revision=None):
    wanted = None if method is None else Quantization(method=method)
    return EngineConfig(model=str(model), served_names=("a",), quantization=wanted, revision=revision)


@pytest.mark.parametrize("method", [None, "Auto", "AWQ"])
def test_a_folder_is_read(tmp_path, method):
    (tmp_path / "config.json").write_text(json.dumps(AWQ))
    assert checkpoint(config(tmp_path, method), None) == Precision("awq", "4 bits")


def test_the_file_beside_counts_where_the_first_says_nothing(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert checkpoint(config(tmp_path), None) == Precision("")
    (tmp_path / "hf_quant_config.json").write_text('{"quantization": {"quant_algo": "NVFP4"}}')
    assert checkpoint(config(tmp_path), None) == Precision("modelopt", "NVFP4")


def test_a_gguf_file_is_one():
    assert checkpoint(config("/models/a/model.gguf", "AWQ"), None) == Precision("gguf")


@pytest.mark.parametrize("text", [None, "", "{", "[]", "[" * 100_000, "nul", '{"quantization_config": "\xff'])
def test_a_broken_folder_is_the_engines_to_tell_unless_somebody_asks(tmp_path, text):
    if text is not None:
        (tmp_path / "config.json").write_text(text, encoding="latin-1")
    assert checkpoint(config(tmp_path), None) is None
    with pytest.raises(BadConfig, match=r"config\.json"):
        checkpoint(config(tmp_path, "AWQ"), None)


ABSENT = object()
"""What the library's cache says of a file that the repository was seen not to have."""


class LocalEntryNotFoundError(Exception):
    """The hub's library tells so of a file that it can neither download nor find."""


class EntryNotFoundError(Exception):
    """The repository has no such file."""


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A stand-in for the hub's library; its ``answers`` are texts or exceptions by file."""
    answers, calls = {}, []

    def download(repository, name, *, revision, token):
        calls.append((repository, name, revision, token))
        answer = answers.get(name, EntryNotFoundError(name))
        if isinstance(answer, Exception):
            raise answer
        (tmp_path / name).write_text(answer)
        return str(tmp_path / name)

    errors = types.SimpleNamespace(
        EntryNotFoundError=EntryNotFoundError, LocalEntryNotFoundError=LocalEntryNotFoundError
    )

    def cached(repository, name, *, revision):
        return ABSENT if answers.get(name) is ABSENT else None

    library = types.SimpleNamespace(hf_hub_download=download, try_to_load_from_cache=cached, errors=errors)
    monkeypatch.setitem(sys.modules, "huggingface_hub", library)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)
    return answers, calls


def test_a_repository_is_asked_only_when_somebody_asks(hub):
    answers, calls = hub
    answers["config.json"] = json.dumps(AWQ)
    assert checkpoint(config("org/model"), "secret") is None
    assert calls == []
    assert checkpoint(config("org/model", "AWQ", "v1"), "secret") == Precision("awq", "4 bits")
    assert calls == [("org/model", "config.json", "v1", "secret")]


def test_a_repository_may_have_the_file_beside(hub):
    answers, calls = hub
    answers["config.json"] = "{}"
    assert checkpoint(config("org/model", "None"), None) == Precision("")
    assert [call[1] for call in calls] == ["config.json", "hf_quant_config.json"]


def test_a_cache_without_network_need_not_know_of_the_file_beside(hub):
    hub[0].update({"config.json": "{}", "hf_quant_config.json": LocalEntryNotFoundError("offline")})
    assert checkpoint(config("org/model", "FP8"), None) == Precision("")


def test_a_file_that_is_known_not_to_exist_is_not_asked_for(hub):
    answers, calls = hub
    answers.update({"config.json": "{}", "hf_quant_config.json": ABSENT})
    assert checkpoint(config("org/model", "FP8"), None) == Precision("")
    assert [call[1] for call in calls] == ["config.json"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (LocalEntryNotFoundError("we cannot find the requested files in the local cache"), "requested files"),
        (EntryNotFoundError("404"), "does not appear to have a file named config.json"),
        (RuntimeError("401 Client Error. Repository Not Found for url: x"), "Repository Not Found for url"),
    ],
)
def test_what_the_hub_says_is_passed_on(hub, error, words):
    hub[0]["config.json"] = error
    with pytest.raises(BadConfig, match=words):
        checkpoint(config("org/model", "FP8"), None)
