"""argv.py against vLLM's own parser, in the engine's environment."""

import json
import subprocess
from pathlib import Path

import pytest

from llmfleet_runtime.argv import Platform, Prepared, argv
from llmfleet_runtime.contract import ALLOWED_ARGUMENTS, FLAG_ARGUMENTS, EngineConfig, NamedValue
from llmfleet_runtime.engines.vllm import KV_CACHE_DTYPES, KV_CACHE_DTYPES_CPU
from llmfleet_runtime.quantization import ON_THE_FLY, ON_THE_FLY_CPU

HOSTILE = ["--host=::", "-O3", "$(id)", "{{ x }}", "a\nb", "'", '"', "a=b.c", "--config", "é😀", " ", "None of it"]
LINES = [
    argv(
        EngineConfig(model=f"m{text}", served_names=("a",), args=(NamedValue(name="response-role", value=text),)),
        p,
        2**31,
    )
    for text in HOSTILE
    for p in (Platform("0.32.0"), Platform("0.32.0+cpu", is_cpu_build=True))
]
FULL = EngineConfig(
    model="org/model",
    revision="abc",
    served_names=("one", "two.three", "four/five"),
    max_model_len=4096,
    max_concurrency=16,
    dtype="bfloat16",
    tensor_parallel=4,
    kv_cache_dtype="FP8E5M2",
    prefix_caching=False,
    args=(
        NamedValue(name="tool-call-parser", value="hermes"),
        NamedValue(name="enable-auto-tool-choice"),
        NamedValue(name="enable-chunked-prefill", value="false"),
        NamedValue(name="default-chat-template-kwargs", value='{"enable_thinking": false}'),
        NamedValue(name="allowed-media-domains", value="images.example.org"),
    ),
)
PREPARED = Prepared("fp8_per_channel", "/tmp/llmfleet-x/chat-template.jinja")
LEAST = EngineConfig(model="m", served_names=("a",))
CACHES = [(EngineConfig(model="m", served_names=("a",), kv_cache_dtype=each), False) for each in KV_CACHE_DTYPES]
CACHES += [(EngineConfig(model="m", served_names=("a",), kv_cache_dtype=each), True) for each in KV_CACHE_DTYPES_CPU]
MADE = sorted({*ON_THE_FLY.values(), *ON_THE_FLY_CPU.values()})
TUNED = [
    *(argv(config, Platform("0.32.0", is_cpu_build=is_cpu), None) for config, is_cpu in CACHES),
    *(argv(LEAST, Platform("0.32.0"), None, Prepared(each)) for each in MADE),
    argv(EngineConfig(model="m", served_names=("a",), prefix_caching=True), Platform("0.32.0"), None),
]


def options(line):
    """What follows the module's name."""
    return list(line[next(n for n, item in enumerate(line) if item.endswith("api_server")) + 1 :])


@pytest.fixture(scope="module")
def answer(python):
    asked = {
        "allowed": ALLOWED_ARGUMENTS,
        "lines": [*map(options, (*LINES, *TUNED, argv(FULL, Platform("0.32.0"), None, PREPARED)))],
    }
    done = subprocess.run(
        [python, str(Path(__file__).with_name("parse.py"))],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.rpartition("ANSWER ")[2])


def test_vllm_knows_every_allowed_argument(answer):
    assert [name for name, kind in answer["kinds"].items() if kind is None] == []


def test_flags_are_flags_and_values_are_values(answer):
    assert {name for name, kind in answer["kinds"].items() if kind == "flag"} == {*FLAG_ARGUMENTS}


def test_vllm_accepts_every_allowed_argument_in_our_form(answer):
    assert answer["refused"] == []


@pytest.mark.proves("R70", "S62")
def test_hostile_texts_arrive_as_the_one_value_they_are_for(answer):
    for line, parsed in zip(LINES, answer["parsed"], strict=False):
        model = next(item for item in line if item.startswith("--model=")).removeprefix("--model=")
        assert parsed is not None, line
        assert (parsed["model"], parsed["response_role"]) == (repr(model), repr(model[1:]))
        assert (parsed["host"], parsed["port"], parsed["api_key"]) == ("'0.0.0.0'", "8000", "None")


def test_vllm_takes_every_value_that_a_typed_field_can_have(answer):
    parsed = answer["parsed"][len(LINES) : -1]
    assert [line for line, found in zip(TUNED, parsed, strict=True) if found is None] == []
    assert parsed[-1]["enable_prefix_caching"] == "True"
    assert {found["quantization"] for found in parsed[len(CACHES) : -1]} == {repr(each) for each in MADE}


@pytest.mark.proves("R55")
def test_every_typed_field_means_to_vllm_what_it_means_to_us(answer):
    parsed = answer["parsed"][-1]
    assert {name: parsed[name] for name in EXPECTED} == EXPECTED


EXPECTED = {
    "model": "'org/model'",
    "revision": "'abc'",
    "served_model_name": "['one', 'two.three', 'four/five']",
    "max_model_len": "4096",
    "max_num_seqs": "16",
    "dtype": "'bfloat16'",
    "tensor_parallel_size": "4",
    "kv_cache_dtype": "'fp8_e5m2'",
    "enable_prefix_caching": "False",
    "quantization": "'fp8_per_channel'",
    "chat_template": "'/tmp/llmfleet-x/chat-template.jinja'",
    "middleware": "['llmfleet_runtime.guard.Guard']",
    "disable_uvicorn_access_log": "True",
    "disable_fastapi_docs": "True",
    "tool_call_parser": "'hermes'",
    "enable_auto_tool_choice": "True",
    "enable_chunked_prefill": "False",
    "default_chat_template_kwargs": "{'enable_thinking': False}",
    "allowed_media_domains": "['images.example.org']",
    "trust_remote_code": "False",
    "enable_log_requests": "False",
}
