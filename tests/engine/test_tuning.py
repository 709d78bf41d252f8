"""Pods whose engine makes its weights, keeps its cache in FP8, has a chat template of the user's, or two processes."""

import json
import re
from pathlib import Path

import pytest

from llmfleet_runtime.contract import CHAT_TEMPLATE, RuntimeStatus
from tests.engine.test_serving import post

READY_SECONDS = 180
TEMPLATE = "{% for m in messages %}{{ m['content'] }} ba {% endfor %}"


def status(pod):
    return RuntimeStatus.model_validate_json(pod.get("/status")[1])


def prompt_tokens(pod, content):
    chat = {"model": "tiny", "messages": [{"role": "user", "content": content}], "max_tokens": 1}
    return post(pod, "/v1/chat/completions", chat)["usage"]["prompt_tokens"]


def counted(pod, name):
    found = re.search(rf"^{name}{{[^}}]*}} ([0-9.e+]+)", pod.get("/metrics")[1], re.MULTILINE)
    return float(found[1])


@pytest.mark.proves("R55")
def test_weights_are_made_and_the_cache_and_the_template_are_the_users(start, monkeypatch):
    monkeypatch.setenv(CHAT_TEMPLATE, TEMPLATE)
    pod = start(quantization={"method": "FP8"}, kvCacheDtype="FP8", prefixCaching=False)
    pod.until_ready(READY_SECONDS)
    assert status(pod).quantization == "FP8 made on the fly"
    assert prompt_tokens(pod, "ba ba") < 10
    for _ in range(2):
        post(pod, "/v1/completions", {"model": "tiny", "prompt": [300] * 600, "max_tokens": 1})
    assert counted(pod, "vllm:prefix_cache_hits_total") == 0
    page = pod.get("/metrics")[1]
    assert 'cache_dtype="fp8"' in page
    assert 'enable_prefix_caching="False"' in page
    assert CHAT_TEMPLATE.encode() not in Path(f"/proc/{pod.engine_pid()}/environ").read_bytes()


def test_by_default_a_prefix_is_used_again_and_the_weights_are_told(pod):
    for _ in range(2):
        post(pod, "/v1/completions", {"model": "tiny", "prompt": [300] * 600, "max_tokens": 1})
    assert counted(pod, "vllm:prefix_cache_hits_total") > 0
    assert status(pod).quantization == "not quantized"


@pytest.mark.proves("R55")
def test_two_processes_serve_one_model_and_leave_nothing_behind(start, pod):
    split = start(tensorParallel=2)
    split.until_ready(READY_SECONDS)
    request = {"model": "tiny", "prompt": "hello", "max_tokens": 12, "temperature": 0}
    alone, both = (post(each, "/v1/completions", request)["choices"][0]["text"] for each in (pod, split))
    assert alone == both
    assert status(split).kv_cache_tokens == status(pod).kv_cache_tokens
    split.terminate()
    assert split.wait(60) == 0
    assert json.loads(split.farewell().to_json())["reason"] == "Stopped"
