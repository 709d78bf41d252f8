"""The launcher over a stand-in engine that hangs, dies behind its server or lacks metrics; and what it never says."""

import time
from pathlib import Path

import pytest

from llmfleet_runtime.contract import ExitCode, Phase, RuntimeStatus
from llmfleet_runtime.surface import MODELS_PATH, SERVED, TASKS


@pytest.mark.proves("F36")
@pytest.mark.parametrize("is_leaving", [False, True], ids=["serving", "draining"])
def test_an_engine_that_its_server_calls_dead_is_a_death(start, is_leaving):
    pod = start({"endpointLagSeconds": 30}, dead=1)
    pod.until_ready()
    if is_leaving:
        pod.terminate()
    assert pod.wait(20) == ExitCode.ENGINE_DIED
    assert pod.farewell().message.startswith("the engine died and its server went on without it")


@pytest.mark.proves("R62", "F37")
def test_an_engine_that_stands_still_with_work_is_neither_ready_nor_alive_and_not_drained(start, monkeypatch):
    """The stand-in's page says for ever that one request runs."""
    monkeypatch.setenv("LLMFLEET_STALL_SECONDS", "1")
    pod = start({"endpointLagSeconds": 30})
    pod.until_ready()
    pod.until(lambda: pod.get("/livez")[0] == 503, 10)
    status = RuntimeStatus.model_validate_json(pod.get("/status")[1])
    assert (pod.get("/readyz")[0], status.phase) == (503, Phase.READY)
    assert status.message.startswith("the engine has stood still for")
    pod.terminate()
    assert pod.wait(10) == ExitCode.STOPPED
    assert pod.farewell().message == "stopped while stalled"


def test_a_ready_pod_tells_where_the_time_of_its_start_went(start):
    began = time.time()
    pod = start(start=1, first_failures=1)
    pod.until_ready()
    took, startup = time.time() - began, RuntimeStatus.model_validate_json(pod.get("/status")[1]).startup
    assert startup.load >= 1
    assert startup.warm_up >= 1
    assert 2 <= startup.download + startup.load + startup.warm_up <= took + 0.2  # each is rounded to a tenth


def test_metrics_that_the_engine_lacks_are_named(start):
    """The stand-in's page has two."""
    pod = start()
    pod.until_ready()
    (only,) = RuntimeStatus.model_validate_json(pod.get("/status")[1]).warnings
    assert only.reason == "MetricUnknown"
    assert "no vllm:num_requests_waiting, vllm:kv_cache_usage_perc" in only.message
    assert "vllm:num_requests_running" not in only.message


def test_a_model_of_another_task_ends_its_pod_with_the_reason(start):
    pod = start({"task": "Embed"}, lacks="/v1/embeddings")
    assert pod.wait(20) == ExitCode.BAD_CONFIG
    message = pod.farewell().message
    assert message.startswith("the model does not do what model.task Embed asks for: 404")


def test_a_pod_of_one_task_has_no_route_of_another(start):
    pod = start({"task": "Score"})
    pod.until_ready()
    found = {path: pod.get(path, pod.serving)[0] for path in sorted(SERVED)}
    assert {path for path, status in found.items() if status == 200} == {MODELS_PATH, *TASKS["Score"]}
    assert set(found.values()) == {200, 404}


@pytest.mark.proves("R71")
def test_the_hubs_token_is_in_no_argument_page_log_or_farewell(start, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_SENTINEL\n")
    pod = start(crash=3)
    pod.until_ready()
    processes = [Path("/proc", str(each)) for each in (pod.process.pid, pod.engine_pid())]
    assert [b"hf_SENTINEL" in (each / "environ").read_bytes() for each in processes] == [True, True]
    said = [(each / "cmdline").read_text() for each in processes]
    said += [pod.get(path)[1] for path in ("/status", "/load", "/metrics", "/livez", "/readyz")]
    assert pod.wait() == ExitCode.ENGINE_DIED
    said += [pod.output(), (pod.folder / "farewell").read_text()]
    assert [each for each in said if "SENTINEL" in each] == []
