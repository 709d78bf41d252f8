"""What an operator is told at its start, and what it refuses with the setting's name."""

import json

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from llmfleet.__main__ import main
from llmfleet.api.workload import AcceleratorType, EngineType
from llmfleet.settings import MetricsSource, Settings
from llmfleet.shell.defaults import defaults_of

GOOD = {"name": "main", "url": "http://prometheus.monitoring:9090"}


def refused(monkeypatch: pytest.MonkeyPatch, text: str) -> str:
    monkeypatch.setenv("LLMFLEET_METRICS_SOURCES", text)
    found = CliRunner().invoke(main, ["run"])
    assert found.exit_code == 1
    return found.output


def test_sources_come_as_a_list_in_camel_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMFLEET_METRICS_SOURCES", json.dumps([GOOD | {"intervalSeconds": 30, "podLabel": "pod_name"}]))
    (found,) = Settings().metrics_sources
    assert (found.name, found.interval_seconds, found.pod_label, found.timeout_seconds) == ("main", 30, "pod_name", 5)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"url": "prometheus:9090"}, "METRICS_SOURCES_0_URL='prometheus:9090'"),
        ({"url": "http://user:secret@prometheus"}, "URL"),
        ({"name": "Main"}, "METRICS_SOURCES_0_NAME='Main'"),
        ({"intervalSeconds": 0.5}, "greater than or equal to 1"),
        ({"intervalSeconds": 121}, "less than or equal to 120"),
        ({"timeoutSeconds": 0.4}, "greater than or equal to 0.5"),
        ({"timeoutSeconds": 31}, "less than or equal to 30"),
        ({"podLabel": 'pod"} or vector(1)'}, "PODLABEL"),
        ({"username": "llmfleet"}, "username and passwordFile come together"),
        ({"username": "a", "passwordFile": "b", "bearerTokenFile": "c"}, "give either username or bearerTokenFile"),
        ({"adress": "x"}, "ADRESS"),
    ],
)
def test_a_bad_source_stops_the_operator_with_its_field(
    monkeypatch: pytest.MonkeyPatch, members: dict, words: str
) -> None:
    assert words in refused(monkeypatch, json.dumps([GOOD | members]))


def test_text_that_is_no_json_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "metrics_sources" in refused(monkeypatch, "main=http://prometheus")


def test_two_sources_have_two_names() -> None:
    with pytest.raises(ValidationError, match="must have different names: main, main"):
        Settings(metrics_sources=(MetricsSource(**GOOD), MetricsSource(**GOOD)))


def test_images_of_further_engines_lie_over_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMFLEET_ENGINE_IMAGES", json.dumps({"LlamaCpp": {"NVIDIA": "registry.example.org/llama:1"}}))
    found = defaults_of(Settings())
    assert found.image(EngineType.LLAMA_CPP, AcceleratorType.NVIDIA) == "registry.example.org/llama:1"
    assert found.image(EngineType.LLAMA_CPP, AcceleratorType.AMD) == "ghcr.io/llmfleet/runtime-llamacpp-rocm:0.1.0"
    assert found.image(EngineType.VLLM, AcceleratorType.NVIDIA) == Settings().image_nvidia


@pytest.mark.parametrize("images", [{"TGI": {"NVIDIA": "a"}}, {"VLLM": {"NVIDIA": "a"}}, {"LlamaCpp": {"nvidia": "a"}}])
def test_an_image_of_an_engine_or_a_device_that_is_none_is_refused(images: dict) -> None:
    with pytest.raises(ValidationError, match="engine_images"):
        Settings(engine_images=images)
