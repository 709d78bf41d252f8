"""launcher.py, pod.py, engine.py: PID 1 over a stand-in engine, from outside."""

import http.client
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from llmfleet_runtime.contract import ExitCode, LoadReport, Phase, RuntimeStatus


class Stream(threading.Thread):
    """One streamed request; ``text`` is whole when it ended with the last event."""

    def __init__(self, pod, tokens, connection=None):
        super().__init__()
        self.is_fresh = connection is None
        self.connection = connection or http.client.HTTPConnection("127.0.0.1", pod.serving, timeout=20)
        self.body = json.dumps({"model": "tiny", "prompt": "x", "max_tokens": tokens, "stream": True})
        self.text, self.status, self.closes, self.error = "", None, None, None
        self.start()

    def run(self):
        try:
            headers = {"Connection": "close"} if self.is_fresh else {}
            self.connection.request("POST", "/v1/completions", self.body, headers)
            answer = self.connection.getresponse()
            self.status, self.closes = answer.status, answer.getheader("Connection") == "close"
            self.text = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self.error = error
        finally:
            if self.is_fresh or self.closes:
                self.connection.close()

    @property
    def is_whole(self):
        self.join(20)
        return self.status == 200 and self.text.endswith("data: [DONE]\n\n")


def in_flight(pod):
    return LoadReport.model_validate_json(pod.get("/load")[1]).in_flight


def test_a_pod_becomes_ready_after_a_real_request_and_tells_what_it_learned(start):
    pod = start(first_failures=1)
    pod.until_ready()
    status = RuntimeStatus.model_validate_json(pod.get("/status")[1])
    assert (status.phase, status.engine_version, status.guarded) == (Phase.READY, "0.32.0+cpu", True)
    assert (status.max_model_len, status.kv_cache_tokens, status.live_number) == (8192, 1280, 0)
    assert "the first request failed: 500" in pod.output()


def test_before_it_is_ready_it_is_alive_and_says_so(start):
    pod = start(start=30)
    pod.until(lambda: pod.get("/livez")[0] == 200)
    assert pod.get("/readyz") == (503, "Starting\n")
    assert (pod.get("/load")[0], pod.get("/metrics")[0]) == (503, 503)


def test_an_idle_pod_stops_in_order(start):
    pod = start()
    pod.until_ready()
    pod.terminate()
    assert pod.wait() == ExitCode.STOPPED
    farewell = pod.farewell()
    assert (farewell.reason, farewell.in_flight_at_start, farewell.finished, farewell.aborted) == ("Stopped", 0, 0, 0)


def test_streams_are_counted_and_all_finish_when_the_pod_leaves(start):
    pod = start(step=0.02)
    pod.until_ready()
    kept = [http.client.HTTPConnection("127.0.0.1", pod.serving, timeout=20) for _ in range(8)]
    streams = [*(Stream(pod, 40, connection) for connection in kept), *(Stream(pod, 40) for _ in range(8))]
    pod.until(lambda: in_flight(pod) == 16)
    pod.terminate()
    pod.until(lambda: pod.phase() == Phase.DRAINING)
    assert pod.get("/readyz") == (503, "Draining\n")
    assert all(stream.is_whole for stream in streams)
    # Nobody told these clients to close: their answers had begun before the pod was asked to leave.
    assert not any(stream.closes for stream in streams[:8])
    time.sleep(0.5)
    late = [*(Stream(pod, 5, connection) for connection in kept), Stream(pod, 5)]
    assert all(stream.is_whole for stream in late)
    assert all(stream.closes for stream in late)
    assert pod.wait(20) == ExitCode.STOPPED
    farewell = pod.farewell()
    assert (farewell.in_flight_at_start, farewell.finished, farewell.aborted) == (16, 25, 0)


def test_past_the_deadline_the_rest_is_cut_and_counted(start):
    pod = start({"drainTimeoutSeconds": 0.3}, step=0.05, deaf=1)
    pod.until_ready()
    stream = Stream(pod, 1000)
    pod.until(lambda: in_flight(pod) == 1)
    began = time.monotonic()
    pod.terminate()
    assert pod.wait() == ExitCode.STOPPED
    assert time.monotonic() - began < 8
    assert not stream.is_whole
    farewell = pod.farewell()
    assert (farewell.in_flight_at_start, farewell.finished, farewell.aborted) == (1, 0, 1)


def test_a_shorter_live_deadline_reaches_a_drain_that_is_under_way(start):
    pod = start({"drainTimeoutSeconds": 600}, step=0.05)
    pod.until_ready()
    stream = Stream(pod, 1000)
    pod.until(lambda: in_flight(pod) == 1)
    pod.terminate()
    pod.until(lambda: pod.phase() == Phase.DRAINING)
    live = pod.folder / "config" / "live.json"
    live.with_suffix(".new").write_text('{"version": 1, "number": 3, "drainTimeoutSeconds": 0.2}')
    live.with_suffix(".new").rename(live)
    assert pod.wait() == ExitCode.STOPPED
    assert not stream.is_whole
    assert "live document number 3" in pod.output()


def test_a_second_sigterm_changes_nothing(start):
    pod = start(step=0.02)
    pod.until_ready()
    stream = Stream(pod, 30)
    pod.until(lambda: in_flight(pod) == 1)
    for _ in range(3):
        pod.terminate()
        time.sleep(0.05)
    assert stream.is_whole
    assert pod.wait() == ExitCode.STOPPED


@pytest.mark.parametrize("fakes", [{"start": 30}, {"start": 30, "deaf": 1}, {"first_failures": 1000}])
def test_sigterm_before_ready_ends_at_once(start, fakes):
    pod = start(**fakes)
    pod.until(lambda: pod.get("/livez")[0] == 200)
    began = time.monotonic()
    pod.terminate()
    assert pod.wait() == ExitCode.STOPPED
    assert time.monotonic() - began < 5
    assert (pod.farewell().message, pod.farewell().seconds) == ("stopped before it was ready", None)


def test_sigterm_while_the_launcher_itself_starts_is_not_lost(start):
    pod = start()
    time.sleep(0.12)
    pod.terminate()
    assert abs(pod.wait()) in {ExitCode.STOPPED, signal.SIGTERM}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_engine_is_told_apart_from_a_stop(start, number):
    pod = start()
    pod.until_ready()
    os.kill(pod.engine_pid(), number)
    assert pod.wait() == ExitCode.ENGINE_DIED
    farewell = pod.farewell()
    assert farewell.reason == "EngineDied"
    assert farewell.message.startswith(f"the engine ended by itself, by signal {int(number)} ({number.name})")


def test_a_crash_keeps_the_engines_words_though_its_exit_code_is_zero(start):
    pod = start(crash=0.3)
    assert pod.wait() == ExitCode.ENGINE_DIED
    message = pod.farewell().message
    assert message.startswith("the engine ended by itself, with exit code 0\nValueError: the fake engine was told")


def test_an_engine_that_dies_while_draining_is_a_death(start):
    pod = start({"endpointLagSeconds": 5})
    pod.until_ready()
    pod.terminate()
    pod.until(lambda: pod.phase() == Phase.DRAINING)
    os.kill(pod.engine_pid(), signal.SIGKILL)
    assert pod.wait() == ExitCode.ENGINE_DIED


def test_arguments_that_the_engine_refuses_are_a_bad_configuration(start):
    pod = start(usage_error=1)
    assert pod.wait() == ExitCode.BAD_CONFIG
    assert "error: argument --seed: invalid int value: 'x'" in pod.farewell().message


def test_an_engine_that_never_gets_ready_is_given_up(start):
    pod = start({"startupTimeoutSeconds": 0.6}, first_failures=1000)
    assert pod.wait() == ExitCode.ENGINE_DIED
    assert pod.farewell().message.startswith("the engine was not ready after 0.6 s")


def test_a_bad_configuration_is_said_with_its_own_exit_code(start):
    pod = start({"args": [{"name": "api-key", "value": "x"}]})
    assert pod.wait() == ExitCode.BAD_CONFIG
    assert (pod.farewell().reason, "args: 'api-key'" in pod.farewell().message) == ("BadConfig", True)


@pytest.mark.proves("S21")
def test_weights_that_are_not_as_asked_end_it_before_the_engine_starts(start, tmp_path):
    (tmp_path / "config.json").write_text('{"quantization_config": {"quant_method": "awq", "bits": 4}}')
    pod = start({"model": str(tmp_path), "quantization": {"method": "FP8"}})
    assert pod.wait() == ExitCode.BAD_CONFIG
    assert (pod.farewell().reason, "the weights are awq" in pod.farewell().message) == ("QuantizationMismatch", True)
    assert "fake engine listens" not in pod.output()


def test_weights_that_are_as_asked_are_said_in_the_status(start, tmp_path):
    (tmp_path / "config.json").write_text('{"quantization_config": {"quant_method": "awq", "bits": 4}}')
    pod = start({"model": str(tmp_path), "quantization": {"method": "AWQ"}})
    pod.until_ready()
    assert RuntimeStatus.model_validate_json(pod.get("/status")[1]).quantization == "awq, 4 bits"


def test_orphans_are_collected_and_nothing_survives_the_launcher(start):
    pod = start(orphan=1)
    pod.until_ready()
    time.sleep(0.5)
    assert len(pod.children()) == 1
    engine = pod.engine_pid()
    pod.terminate()
    pod.wait()
    assert not Path(f"/proc/{engine}").exists()


def test_the_guard_hides_the_engines_own_routes_even_from_loopback(start):
    pod = start()
    pod.until_ready()
    codes = {path: pod.get(path, pod.serving)[0] for path in ("/metrics", "/_llmfleet/state", "/v1/models", "/health")}
    assert codes == {"/metrics": 404, "/_llmfleet/state": 404, "/v1/models": 200, "/health": 200}
    assert "vllm:num_requests_running 1" in pod.get("/metrics")[1]


def test_the_engines_output_passes_through(start):
    pod = start()
    pod.until_ready()
    assert "fake engine listens" in pod.output()
