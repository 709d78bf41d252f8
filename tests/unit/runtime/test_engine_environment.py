"""e2e/engine: the tiny model and the rules of the installation, without installing."""

import json
import shutil
import struct
from types import SimpleNamespace

import pytest

from e2e.engine import engine_folder, install, tiny_model
from e2e.engine.install import InstallError, _doing


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("model"))


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_model_is_the_same_every_time_and_small(folder, tmp_path):
    first, second = files(folder), files(tiny_model(tmp_path))
    assert first == second
    assert sum(map(len, first.values())) < 2 * 2**20


def test_every_tensor_has_the_bytes_of_its_shape(folder):
    data = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__")
    ends = [0]
    for tensor in header.values():
        count = tensor["shape"][0] * (tensor["shape"][1] if len(tensor["shape"]) > 1 else 1)
        assert tensor["data_offsets"] == [ends[-1], ends[-1] + 2 * count]
        ends.append(tensor["data_offsets"][1])
    assert len(data) == 8 + length + ends[-1]


def test_the_tokenizer_and_the_weights_agree_on_the_vocabulary(folder):
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(json.loads((folder / "config.json").read_text())["vocab_size"]))


def test_the_environment_lies_in_the_users_cache(cache):
    assert engine_folder().parent == cache / "llmfleet" / "engine"


def test_a_finished_installation_is_only_named(cache):
    folder = engine_folder()
    folder.mkdir(parents=True)
    (folder / "complete").touch()
    said = []
    assert install(said.append) == folder / "venv"
    assert said == []


def test_too_small_a_disk_is_said_before_anything_is_made(cache, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * 2**30))
    with pytest.raises(InstallError, match="has 3 GiB free and the engine needs 12: free some"):
        install(lambda _: None)
    assert not (engine_folder() / "venv").exists()


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("Collecting torch\nDownloading torch-2.13.whl (188 MB)\n", "Downloading torch-2.13.whl (188 MB)"),
        ("Downloading torch\nInstalling collected packages: torch, vllm\n", "unpacking"),
        ("    Uninstalling setuptools-66.1.1:\n      Successfully uninstalled setuptools-66.1.1\n", "unpacking"),
        ("", ""),
    ],
)
def test_while_pip_unpacks_without_a_word_that_is_what_is_shown(tmp_path, log, said):
    (tmp_path / "log").write_text(log)
    assert _doing(tmp_path / "log") == said
