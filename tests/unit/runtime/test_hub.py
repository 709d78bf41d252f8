"""hub.py: what the hub's client raises becomes a reason whose words do not change from attempt to attempt."""

import sys
from types import SimpleNamespace

import pytest

from llmfleet_runtime import hub
from llmfleet_runtime.preflight import AdapterRefused
from tests.engine.hub import dropping


class RepositoryNotFoundError(OSError):
    """As in the client."""


class GatedRepoError(RepositoryNotFoundError):
    """As in the client."""


class RevisionNotFoundError(OSError):
    """As in the client."""


class HFValidationError(ValueError):
    """As in the client."""


class Disconnected(Exception):
    """As in the client's HTTP library."""


@pytest.fixture
def client(monkeypatch):
    """The client's module; ``asked`` keeps its calls, ``error`` is raised."""
    client = SimpleNamespace(asked=[], error=None)

    def snapshot_download(repository, **members):
        client.asked.append((repository, members))
        if client.error:
            raise client.error
        return "/cache/snapshot"

    errors = SimpleNamespace(
        RepositoryNotFoundError=RepositoryNotFoundError,
        GatedRepoError=GatedRepoError,
        RevisionNotFoundError=RevisionNotFoundError,
        HFValidationError=HFValidationError,
    )
    utils = SimpleNamespace(disable_progress_bars=lambda: None)
    module = SimpleNamespace(snapshot_download=snapshot_download, errors=errors, utils=utils)
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return client


def test_only_an_adapters_files_are_fetched_with_the_token(client):
    assert str(hub.download("team/sql", "v1", "hf_x")) == "/cache/snapshot"
    files = ["adapter_config.json", "adapter_model.*"]
    assert client.asked == [("team/sql", {"revision": "v1", "token": "hf_x", "allow_patterns": files})]


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (GatedRepoError("403"), "AdapterAccessDenied", "the hub refuses access to team/sql"),
        (
            RepositoryNotFoundError("404"),
            "AdapterNotFound",
            "the hub knows no team/sql, or does not",
        ),
        (HFValidationError("bad name"), "AdapterNotFound", "the hub knows no team/sql"),
        (RevisionNotFoundError("404"), "AdapterNotFound", "team/sql has no revision v1"),
        (OSError("503 (Request ID: Root=1-23;4)\n\n for url x"), "AdapterDownloadFailed", "team/sql: 503 for url x"),
        (ValueError("odd"), "AdapterDownloadFailed", "team/sql: odd"),
        (Disconnected("no response"), "AdapterDownloadFailed", "team/sql: no response"),
        (Disconnected(), "AdapterDownloadFailed", "team/sql: Disconnected"),
    ],
)
def test_what_it_raises_is_a_reason(client, error, reason, words):
    client.error = error
    with pytest.raises(AdapterRefused) as refusal:
        hub.download("team/sql", "v1", None)
    assert (refusal.value.reason, str(refusal.value)[: len(words)]) == (reason, words)


def test_a_hub_that_drops_connections_is_told_in_the_real_clients_words(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with dropping() as address:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        with pytest.raises(AdapterRefused, match=r"team/sql: .*(disconnected|reset)") as refusal:
            hub.download("team/sql", None, None)
    assert refusal.value.reason == "AdapterDownloadFailed"


def test_a_folder_that_tells_nothing_gives_nothing(tmp_path):
    (tmp_path / "config.json").write_text("[1]")
    (tmp_path / "model.safetensors").write_bytes(b"x")
    assert hub.shapes(tmp_path) == {}
