"""download.py and arrival.py: what is asked for, how far it is, how fast, and what the downloading process sees."""

from pathlib import Path

import pytest

from llmfleet_runtime.argv import BadConfig
from llmfleet_runtime.arrival import variables
from llmfleet_runtime.contract import DownloadStatus, EngineConfig, ModelFiles, Phase
from llmfleet_runtime.download import Download, requested
from llmfleet_runtime.places import Places
from llmfleet_runtime.sources.exchange import Failed, Progressed, Request

PLACE = Places(cache_folder=Path("/cache"), clients_folder=Path("/clients"))
REQUEST = Request(uri="hf://org/tiny", cache="/cache")


@pytest.mark.parametrize(
    ("model", "uri"),
    [
        ("/models/tiny", None),
        ("gpt2", "hf://gpt2"),
        ("org/tiny", "hf://org/tiny"),
        ("s3://models/tiny", "s3://models/tiny"),
        ("https://host/tiny.tar", "https://host/tiny.tar"),
    ],
)
def test_what_is_no_folder_is_fetched(model, uri):
    found = requested(EngineConfig(model=model, served_names=("a",)), PLACE)
    assert (found.uri if found else None) == uri


def test_revision_files_and_checksum_go_with_it():
    files = ModelFiles(include=("*.json",))
    config = EngineConfig(model="org/tiny", revision="v1", files=files, sha256="a" * 64, served_names=("a",))
    assert requested(config, PLACE) == Request(
        uri="hf://org/tiny", revision="v1", files=files, sha256="a" * 64, cache="/cache"
    )


@pytest.fixture
def download():
    return Download(REQUEST, {}, "0.32.0")


def test_speed_and_time_left_are_of_the_last_ten_seconds(download):
    for second in range(21):
        download._progressed(Progressed(done=second * (1 if second <= 10 else 10), total=1000), float(second))
    found = download.status().download
    assert (found.bytes_done, found.bytes_total, found.percent) == (200, 1000, 20)
    assert found.bytes_per_second == pytest.approx(19.0)
    assert found.seconds_left == pytest.approx(800 / 19)


def test_nothing_is_said_of_the_time_left_while_nothing_comes(download):
    for second in range(3):
        download._progressed(Progressed(done=7, total=1000, message="another pod downloads it"), float(second))
    status = download.status()
    assert (status.download.bytes_per_second, status.download.seconds_left) == (0.0, None)
    assert (status.phase, status.message) == (Phase.DOWNLOADING, "another pod downloads it")


def test_a_failure_keeps_what_is_there_and_says_when_it_goes_on(download):
    download._progressed(Progressed(done=300, total=1000), 1.0)
    download._failed(Failed(reason="ModelDownloadFailed", message="no answer"), 1234.0)
    found = download.status().download
    assert (found.percent, found.reason, found.message, found.retry_at) == (
        30,
        "ModelDownloadFailed",
        "no answer",
        1234.0,
    )


@pytest.mark.parametrize(("done", "total", "percent"), [(0, None, None), (0, 0, 100), (999, 1000, 99), (5, 4, 100)])
def test_a_percentage_never_promises_more_than_there_is(done, total, percent):
    assert DownloadStatus(bytes_done=done, bytes_total=total).percent == percent


def test_clients_come_first_on_the_processs_path_and_the_token_is_clean():
    found = variables({"PYTHONPATH": "/opt", "HF_TOKEN": "t\n", "HF_HOME": "/own", "AWS_REGION": "x"}, PLACE)
    assert (found["PYTHONPATH"], found["HF_TOKEN"], found["HF_HOME"]) == ("/clients:/opt", "t", "/own")
    assert found["AWS_REGION"] == "x"
    assert variables({}, PLACE)["HF_HOME"] == "/cache/huggingface"


def test_a_token_that_no_header_can_carry_is_refused():
    with pytest.raises(BadConfig, match="no token"):
        variables({"HF_TOKEN": "a b"}, PLACE)
