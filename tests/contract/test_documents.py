"""Both sides read every document that a released version has written; the files are kept for ever."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from llmfleet.api.lora import MOST_ADAPTERS
from llmfleet.shell.page import LARGEST_PAGE_BYTES
from llmfleet_runtime.adapters import Attempt, Standing
from llmfleet_runtime.adapters import report as report_of
from llmfleet_runtime.argv import Platform, argv, environment
from llmfleet_runtime.contract import (
    ALLOWED_ARGUMENTS,
    Adapter,
    AdapterFacts,
    AdapterReason,
    EngineConfig,
    ExitCode,
    Farewell,
    Findings,
    LiveConfig,
    LoadReport,
    ModelFacts,
    Order,
    Phase,
    Production,
    RuntimeStatus,
)
from llmfleet_runtime.engines.table import engine
from llmfleet_runtime.load import kv_cache_tokens, report

FOLDER = Path(__file__).with_name("v1")
MODELS = {
    "engine": EngineConfig,
    "live": LiveConfig,
    "status": RuntimeStatus,
    "load": LoadReport,
    "farewell": Farewell,
    "model": ModelFacts,
    "adapter": AdapterFacts,
    "findings": Findings,
    "order": Order,
    "production": Production,
}
DOCUMENTS = sorted(FOLDER.glob("*.json"))
PAGES = sorted(FOLDER.glob("metrics-*.txt"))
ABSENT = (
    {"kv_cache_usage", "kv_cache_tokens", "time_to_first_token"}
    | {"time_per_output_token", "request_time_per_output_token"},
    {"steps"},
)
"""What each page's engine does not tell: llama.cpp, vLLM."""


def model_of(path):
    return MODELS[path.stem.partition("-")[0]]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_kept_document_is_read_and_no_member_is_lost(path):
    text = path.read_text()
    read = json.loads(model_of(path).model_validate_json(text).to_json())
    assert json.loads(text).items() <= read.items()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_members_of_a_later_version_are_ignored(path):
    later = {**json.loads(path.read_text()), "addedLater": {"x": [1]}}
    assert model_of(path).model_validate(later) == model_of(path).model_validate_json(path.read_text())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_another_version_is_not_mistaken_for_this_one(path):
    with pytest.raises(ValidationError):
        model_of(path).model_validate({**json.loads(path.read_text()), "version": 2})


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_every_document_is_kept(model):
    assert any(model_of(path) is model for path in DOCUMENTS)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("engine-*.json")), ids=lambda path: path.stem)
def test_a_kept_configuration_still_starts_an_engine(path):
    config, platform = EngineConfig.model_validate_json(path.read_text()), Platform("0.32.0")
    assert {config.model, f"--model={config.model}"} & {*argv(config, platform, None)}
    assert environment(config, platform).keys() >= engine(config.engine).fixed(config, platform).keys()


def test_an_adapters_key_never_changes():
    live = LiveConfig.model_validate_json((FOLDER / "live-adapters.json").read_text())
    status = RuntimeStatus.model_validate_json((FOLDER / "status-adapters.json").read_text())
    assert [each.key for each in live.adapters] == [each.key for each in status.adapters]


@pytest.mark.parametrize("name", ["", "../sql", "a/b", "a b", "-a", "a\n", "a@b", "x" * 64, "ä"])
def test_a_live_document_with_a_name_that_is_none_is_refused(name):
    with pytest.raises(ValidationError):
        LiveConfig.model_validate({"adapters": [{"name": name, "uri": "file:///a"}]})


def test_the_longest_status_fits_the_page_that_the_operator_reads():
    wanted = tuple(Adapter(name=f"{number:02}".ljust(63, "a"), uri="hf://a") for number in range(MOST_ADAPTERS))
    attempts = {each.version: Attempt(1, 0.0, AdapterReason.DOWNLOAD_FAILED, '"\\é😀' * 999) for each in wanted}
    pointed = {each.name: each.version for each in wanted}
    told = RuntimeStatus(
        phase=Phase.READY,
        since=0.0,
        message="m" * 3000,
        adapters=report_of(Standing(wanted, pointed=pointed, attempts=attempts)),
    )
    assert len(told.to_json().encode()) < LARGEST_PAGE_BYTES


def test_documents_without_adapters_say_nothing_of_them():
    documents = (
        LiveConfig(),
        EngineConfig(model="m", served_names=("a",)),
        RuntimeStatus(phase=Phase.READY, since=0.0),
    )
    assert [each for each in documents if "adapters" in each.to_json() or "lora" in each.to_json()] == []


@pytest.mark.parametrize(("path", "absent"), [*zip(PAGES, ABSENT, strict=True)], ids=[path.stem for path in PAGES])
def test_a_recorded_page_gives_every_number_that_its_engine_tells(path, absent):
    found = report(path.read_text(), 1.0, 0, 2.0)
    known = dict(found) | {"kv_cache_tokens": kv_cache_tokens(path.read_text())}
    assert {name for name, value in known.items() if value is None} == absent


@pytest.mark.parametrize("name", ["tool-call-parser", "enable-auto-tool-choice", "seed", "max-num-batched-tokens"])
def test_an_argument_once_allowed_stays_allowed(name):
    assert name in ALLOWED_ARGUMENTS


def test_exit_codes_and_phases_never_change_their_meaning():
    assert {code.name: int(code) for code in ExitCode} == {"STOPPED": 0, "BAD_CONFIG": 64, "ENGINE_DIED": 70}
    phases = ["Downloading", "Starting", "Warming", "Ready", "Draining", "Stopping", "Failed"]
    assert [*map(str, Phase)] == phases
