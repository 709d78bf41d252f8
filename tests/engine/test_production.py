"""What the operator's Job runs, with the real llm-compressor, and real vLLM over what it made."""

import os
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from e2e.engine.compressor import compressor
from llmfleet_runtime.contract import PRODUCING, SERVED_AS, Order, Production, RuntimeStatus
from tests.engine.conftest import READY_SECONDS
from tests.engine.test_serving import post
from tests.unit.runtime.launched import RUNTIME, free_port

METHOD = "GPTQ"


@pytest.fixture
def run(model, tmp_path):
    """Start the Job's program, whose page has this port; its termination message is in ``tmp_path``."""
    order = Order(model=str(model), methods=(METHOD,), out=str(tmp_path / "claim/key"), samples=8, judged=4, length=128)
    started = []

    def begin(port):
        variables = {
            "PYTHONPATH": str(RUNTIME),
            "OMP_NUM_THREADS": "1",
            "HOME": str(tmp_path),
            "LLMFLEET_TERMINATION_MESSAGE": str(tmp_path / f"message-{port}"),
            "LLMFLEET_STATUS_PORT": str(port),
        }
        with (tmp_path / "log").open("ab") as log:
            command = (str(compressor() / "bin" / "python3"), "-P", "-m", PRODUCING, order.to_json())
            started.append(subprocess.Popen(command, env={**os.environ, **variables}, stdout=log, stderr=log))
        return started[-1]

    yield begin
    for each in started:
        each.kill()
        each.wait()


def said(port):
    """Where the program says that it is; empty before it listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=5) as answer:
            return RuntimeStatus.model_validate_json(answer.read()).message
    except (urllib.error.URLError, OSError):
        return ""


def until(process, port, words):
    """Wait until it says so; every word it said on the way."""
    deadline, heard = time.monotonic() + READY_SECONDS, []
    while words not in said(port):
        heard.append(said(port))
        assert process.poll() is None, heard
        assert time.monotonic() < deadline, heard
        time.sleep(0.1)


def test_a_job_that_is_killed_and_begun_again_makes_what_real_vllm_serves(run, start, tmp_path):
    """And another that is asked for the same at the same time waits for it, and ends with what it made."""
    port, other = free_port(), free_port()
    first = run(port)
    until(first, port, f"{METHOD}: ")
    first.kill()
    first.wait()
    assert not (tmp_path / f"message-{port}").exists()
    second = run(port)
    until(second, port, ": ")
    third = run(other)
    until(third, other, "another run makes it")
    ends = [each.wait(READY_SECONDS) for each in (second, third)]
    assert ends == [0, 0], (tmp_path / "log").read_text()[-2000:]
    found, same = (Production.model_validate_json((tmp_path / f"message-{each}").read_text()) for each in (port, other))
    assert same == found
    assert found.made.folder == str(tmp_path / "claim/key/gptq")
    assert 0.9 < found.made.quality.perplexity / found.source.perplexity < 1.1
    assert found.facts.quantization.weight_bits == 4
    pod = start(model=found.made.folder, quantization={"method": SERVED_AS[METHOD], "source": "Checkpoint"})
    pod.until_ready(READY_SECONDS)
    assert RuntimeStatus.model_validate_json(pod.get("/status")[1]).quantization.endswith("INT4 group weight-only")
    text = post(pod, "/v1/completions", {"model": "tiny", "prompt": "hello", "max_tokens": 5, "temperature": 0})
    assert text["usage"]["completion_tokens"] == 5
