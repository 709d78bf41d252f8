"""places.py and pod.read_config: where the configuration is and what is wrong with it."""

from pathlib import Path

import pytest

from llmfleet_runtime.argv import BadConfig
from llmfleet_runtime.places import Places, places
from llmfleet_runtime.pod import read_config


def test_the_places_are_the_contracts():
    assert places({}) == Places(Path("/etc/llmfleet"), Path("/dev/termination-log"), 8000, 9000)


def test_a_test_may_move_them():
    moved = places({"LLMFLEET_CONFIG_FOLDER": "/a", "LLMFLEET_SERVING_PORT": "1", "LLMFLEET_STATUS_PORT": "2"})
    assert moved == Places(Path("/a"), Path("/dev/termination-log"), 1, 2)


def test_folders_of_adapters_may_move_too():
    moved = places({"LLMFLEET_ADAPTER_FOLDER": "/a", "LLMFLEET_MODEL_FOLDER": "/b"})
    assert (moved.adapter_folder, moved.model_folder) == (Path("/a"), Path("/b"))
    assert (Places().adapter_folder, Places().model_folder) == (Path("/tmp/adapters"), Path("/models"))


def test_a_test_need_not_wait_for_a_stall():
    assert (places({"LLMFLEET_STALL_SECONDS": "3"}).stall_seconds, Places().stall_seconds) == (3.0, 120.0)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b"{", "engine.json: document: Invalid JSON"),
        (b"\xff\xfe", "engine.json: document: Invalid JSON"),
        (b'{"model": "m"}', "engine.json: servedNames: Field required"),
        (b'{"model": "m", "servedNames": []}', "engine.json: servedNames: "),
        (b'{"model": "m", "servedNames": [7]}', "engine.json: servedNames.0: "),
        (b'{"version": 2, "model": "m", "servedNames": ["a"]}', "engine.json: version: "),
        (b'{"model": "m", "servedNames": ["a"], "maxModelLen": "x"}', "engine.json: maxModelLen: "),
        (b'{"model": "m", "servedNames": ["a"], "args": [{"value": "x"}]}', "engine.json: args.0.name: "),
        (b'{"model": "\\ud800", "servedNames": ["a"]}', "engine.json: "),
    ],
)
def test_a_bad_document_is_said_with_file_and_member(tmp_path, document, words):
    (tmp_path / "engine.json").write_bytes(document)
    with pytest.raises(BadConfig) as raised:
        read_config(Places(tmp_path))
    assert words in str(raised.value)


def test_a_missing_document_is_said(tmp_path):
    with pytest.raises(BadConfig, match=r"engine\.json cannot be read: No such file"):
        read_config(Places(tmp_path))


def test_members_of_a_newer_version_are_ignored(tmp_path):
    (tmp_path / "engine.json").write_text('{"model": "m", "servedNames": ["a"], "later": {"x": 1}}')
    assert read_config(Places(tmp_path)).served_names == ("a",)
