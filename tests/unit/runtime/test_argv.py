"""argv.py: what the engine is started with."""

import pytest

from llmfleet_runtime.argv import BadConfig, Platform, Prepared, argv, environment
from llmfleet_runtime.contract import (
    ALLOWED_ARGUMENTS,
    FLAG_ARGUMENTS,
    REFUSED_ENV_NAMES,
    REFUSED_ENV_PREFIXES,
    EngineConfig,
    LoraLimits,
    NamedValue,
)
from llmfleet_runtime.cpu_cache import MEBIBYTE, kv_cache_bytes

GPU = Platform("0.32.0", cpus=16)
CPU = Platform("0.32.0+cpu", is_cpu_build=True, cpus=2)
BIG_CPU = Platform("0.32.0+cpu", is_cpu_build=True, cpus=32)


def config(**changes) -> EngineConfig:
    return EngineConfig(**{"model": "/models/tiny", "served_names": ("tiny",), **changes})


def test_a_gpu_build_gets_exactly_these_arguments():
    assert argv(config(), GPU, None) == (
        "-P",
        "-m",
        "vllm.entrypoints.openai.api_server",
        "--model=/models/tiny",
        "--served-model-name",
        "tiny",
        "--dtype=auto",
        "--host=0.0.0.0",
        "--port=8000",
        "--middleware=llmfleet_runtime.guard.Guard",
        "--disable-uvicorn-access-log",
        "--disable-fastapi-docs",
        "--max-model-len=auto",
        "--allowed-media-domains=none: engine.args allowed-media-domains is not set",
    )


def test_a_cpu_build_gets_its_memory_size_and_starts_forked_and_eager():
    arguments = argv(config(), CPU, 2048 * MEBIBYTE)
    assert arguments[:4] == ("-P", "-m", "llmfleet_runtime.forked", "vllm.entrypoints.openai.api_server")
    assert {"--kv-cache-memory-bytes=268435456", "--distributed-executor-backend=uni", "--enforce-eager"} < {*arguments}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"revision": "0e9e39f2"}, "--revision=0e9e39f2"),
        ({"max_model_len": 4096}, "--max-model-len=4096"),
        ({"max_concurrency": 8}, "--max-num-seqs=8"),
        ({"dtype": "bfloat16"}, "--dtype=bfloat16"),
        ({"tensor_parallel": 4}, "--tensor-parallel-size=4"),
        ({"kv_cache_dtype": "FP8"}, "--kv-cache-dtype=fp8"),
        ({"kv_cache_dtype": "FP8E5M2"}, "--kv-cache-dtype=fp8_e5m2"),
        ({"kv_cache_dtype": "INT8PerTokenHead"}, "--kv-cache-dtype=int8_per_token_head"),
        ({"kv_cache_dtype": "NVFP4"}, "--kv-cache-dtype=nvfp4"),
        ({"prefix_caching": True}, "--enable-prefix-caching"),
        ({"prefix_caching": False}, "--no-enable-prefix-caching"),
        ({"prefix_caching": False, "kv_cache_dtype": "FP8"}, "--no-enable-prefix-caching"),
        ({"args": (NamedValue(name="seed", value="7"),)}, "--seed=7"),
        ({"args": (NamedValue(name="enable-auto-tool-choice"),)}, "--enable-auto-tool-choice"),
        ({"args": (NamedValue(name="enable-chunked-prefill", value="true"),)}, "--enable-chunked-prefill"),
        ({"args": (NamedValue(name="enable-chunked-prefill", value="false"),)}, "--no-enable-chunked-prefill"),
        ({"args": (NamedValue(name="response-role", value="--host=::"),)}, "--response-role=--host=::"),
    ],
)
def test_each_field_has_its_argument(changes, expected):
    assert expected in argv(config(**changes), GPU, None)


def limits(adapters=8, per_batch=4, rank=16):
    return LoraLimits(max_adapters=adapters, max_per_batch=per_batch, max_rank=rank)


def test_adapters_get_their_room_and_their_routes():
    lora = config(lora=limits())
    assert {"--enable-lora", "--max-loras=4", "--max-cpu-loras=9", "--max-lora-rank=16"} < {*argv(lora, GPU, None)}
    assert environment(lora, GPU)["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "1"


@pytest.mark.proves("S35")
def test_a_batch_never_holds_more_adapters_than_memory():
    """The engine refuses to start when max-cpu-loras is below max-loras."""
    assert {"--max-loras=2", "--max-cpu-loras=3"} < {*argv(config(lora=limits(adapters=2)), GPU, None)}


@pytest.mark.proves("S34", "R73")
def test_without_adapters_nothing_of_them_is_open():
    assert [each for each in argv(config(), GPU, None) if "lora" in each] == []
    assert environment(config(), GPU)["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "0"


@pytest.mark.proves("R73")
@pytest.mark.parametrize("name", ["VLLM_SERVER_DEV_MODE", "VLLM_ALLOW_INSECURE_SERIALIZATION"])
def test_what_the_image_sets_cannot_open_the_engine(name):
    assert environment(config(), GPU)[name] == environment(config(lora=limits()), GPU)[name] == "0"


def test_what_was_prepared_has_its_arguments():
    arguments = argv(config(), GPU, None, Prepared("fp8", "/tmp/x/chat-template.jinja"))
    assert {"--quantization=fp8", "--chat-template=/tmp/x/chat-template.jinja"} < {*arguments}


def test_processes_of_a_cpu_build_share_cores_and_cache_and_are_not_forked():
    split = config(tensor_parallel=2)
    arguments = argv(split, CPU, 2048 * MEBIBYTE)
    wanted = {"--tensor-parallel-size=2", "--kv-cache-memory-bytes=134217728", "--distributed-executor-backend=mp"}
    assert wanted < {*arguments}
    assert "llmfleet_runtime.forked" not in arguments
    assert environment(split, BIG_CPU)["OMP_NUM_THREADS"] == "15"


@pytest.mark.parametrize("dtype", ["INT8PerTokenHead", "NVFP4"])
def test_a_cache_that_the_cpu_build_takes_and_answers_nonsense_from_is_refused(dtype):
    with pytest.raises(BadConfig, match=dtype):
        argv(config(kv_cache_dtype=dtype), CPU, None)
    assert "--kv-cache-dtype=fp8" in argv(config(kv_cache_dtype="FP8"), CPU, None)


def test_several_served_names_follow_their_option_in_order():
    arguments = argv(config(served_names=("a", "b.c", "d/e")), GPU, None)
    place = arguments.index("--served-model-name")
    assert arguments[place + 1 : place + 5] == ("a", "b.c", "d/e", "--dtype=auto")


def test_what_the_user_sets_is_not_set_twice():
    chosen = (NamedValue(name="enforce-eager", value="false"), NamedValue(name="allowed-media-domains", value="a.org"))
    arguments = argv(config(args=chosen), CPU, None)
    assert [a for a in arguments if "eager" in a or "media" in a] == [
        "--no-enforce-eager",
        "--allowed-media-domains=a.org",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"args": (NamedValue(name="trust-remote-code"),)}, "trust-remote-code"),
        ({"args": (NamedValue(name="trust-remote", value="1"),)}, "trust-remote"),
        ({"args": (NamedValue(name="max_logprobs", value="1"),)}, "max_logprobs"),
        ({"args": (NamedValue(name="--seed", value="1"),)}, "--seed"),
        ({"args": (NamedValue(name="seed=1 --api-key", value="x"),)}, "may be set here"),
        ({"args": (NamedValue(name="compilation-config.backend", value="os.system"),)}, "compilation-config.backend"),
        ({"args": (NamedValue(name="seed"),)}, "seed: needs a value"),
        ({"args": (NamedValue(name="enforce-eager", value="yes"),)}, "true or false, not 'yes'"),
        ({"args": (NamedValue(name="seed", value="1"), NamedValue(name="seed", value="2"))}, "stand once"),
        ({"args": (NamedValue(name="response-role", value="a\0b"),)}, "zero byte"),
        ({"args": (NamedValue(name="response-role", value="\ud800"),)}, "not valid text"),
        ({"served_names": ("-x",)}, "begin with a dash"),
        ({"served_names": ("--api-key",)}, "begin with a dash"),
        ({"served_names": ("",)}, "empty"),
        ({"served_names": ("  ",)}, "empty"),
        ({"model": ""}, "model: ''"),
        ({"revision": ""}, "revision: ''"),
        ({"revision": "None"}, "revision: 'None'"),
        ({"dtype": ""}, "dtype: ''"),
        ({"kv_cache_dtype": "fp8_inc"}, "kvCacheDtype: 'fp8_inc'"),
    ],
)
def test_what_cannot_be_handed_over_is_refused_by_name(changes, words):
    with pytest.raises(BadConfig, match="(?s)" + words.replace("(", r"\(").replace("=", "=")):
        argv(config(**changes), GPU, None)


@pytest.mark.proves("R73", "S65", "S66", "S67", "S69")
@pytest.mark.parametrize(
    "name",
    [
        *("model", "served-model-name", "max-model-len", "max-num-seqs", "dtype", "revision", "host", "port", "uds"),
        *("middleware", "api-key", "ssl-keyfile", "root-path", "config", "log-config-file", "logging-config"),
        *("tool-parser-plugin", "reasoning-parser-plugin", "worker-cls", "worker-extension-cls", "scheduler-cls"),
        *("logits-processors", "trust-remote-code", "load-format", "hf-overrides", "hf-token", "chat-template"),
        *("trust-request-chat-template", "tool-server", "io-processor-plugin", "model-class-overrides", "tokenizer"),
        *("allowed-local-media-path", "otlp-traces-endpoint", "enable-log-requests", "enable-log-outputs"),
        *("enable-tokenizer-info-endpoint", "enable-lora", "lora-modules", "shutdown-timeout", "enable-prompt-embeds"),
        *("kv-transfer-config", "compilation-config", "structured-outputs-config", "additional-config", "download-dir"),
        *("speculative-config", "enable-scale-out", "kv-cache-memory-bytes", "distributed-executor-backend"),
    ],
)
def test_dangerous_and_owned_options_are_not_on_the_list(name):
    assert name not in ALLOWED_ARGUMENTS


def test_the_list_is_sorted_and_without_doubles():
    assert list(ALLOWED_ARGUMENTS) == sorted({*ALLOWED_ARGUMENTS})
    assert {*FLAG_ARGUMENTS} < {*ALLOWED_ARGUMENTS}


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(None, 256), (0, 64), (256, 64), (512, 64), (2048, 256), (16384, 2048), (65536, 4096)],
)
def test_the_cpu_cache_is_an_eighth_within_bounds(limit, expected):
    memory = None if limit is None else limit * MEBIBYTE
    assert kv_cache_bytes(memory) == expected * MEBIBYTE


def test_the_users_variable_wins_over_tuning():
    wanted = (NamedValue(name="OMP_NUM_THREADS", value="4"), NamedValue(name="TZ", value="UTC"))
    variables = environment(config(env=wanted), CPU)
    assert (variables["OMP_NUM_THREADS"], variables["TZ"]) == ("4", "UTC")


def test_more_than_one_thread_is_never_forked():
    wanted = (NamedValue(name="OMP_NUM_THREADS", value="4"),)
    assert "llmfleet_runtime.forked" not in argv(config(env=wanted), CPU, None)
    assert "llmfleet_runtime.forked" not in argv(config(), BIG_CPU, None)


@pytest.mark.parametrize(("platform", "threads"), [(CPU, "1"), (BIG_CPU, "31"), (GPU, None)])
def test_threads_leave_one_core_to_the_server(platform, threads):
    assert environment(config(), platform).get("OMP_NUM_THREADS") == threads


def test_the_engine_waits_as_long_as_the_start_may_take():
    assert environment(config(startup_timeout_seconds=90.5), GPU)["VLLM_ENGINE_READY_TIMEOUT_S"] == "90"


@pytest.mark.proves("R73", "S50")
@pytest.mark.parametrize(
    "name",
    [
        *("LD_PRELOAD", "PYTHONPATH", "PYTHONSTARTUP", "PATH", "HF_ENDPOINT", "HF_TOKEN", "https_proxy", "HTTPS_PROXY"),
        *("VLLM_PLUGINS", "VLLM_API_KEY", "VLLM_SERVER_DEV_MODE", "VLLM_CPU_KVCACHE_SPACE", "NVIDIA_VISIBLE_DEVICES"),
        *("FORWARDED_ALLOW_IPS", "WEB_CONCURRENCY", "LLMFLEET_GUARD_TOKEN", "VLLM_HTTP_TIMEOUT_KEEP_ALIVE"),
        *("", "1A", "A-B", "A=B", "A B", "A\n", "Ä"),
    ],
)
def test_refused_variables_are_refused_by_name(name):
    with pytest.raises(BadConfig, match="env"):
        environment(config(env=(NamedValue(name=name, value="x"),)), GPU)


def test_a_variable_stands_once():
    twice = (NamedValue(name="TZ", value="a"), NamedValue(name="TZ", value="b"))
    with pytest.raises(BadConfig, match="stand once"):
        environment(config(env=twice), GPU)


def test_what_the_runtime_fixes_is_refused_to_users():
    for platform in (GPU, CPU):
        tuning = {"VLLM_MAX_N_SEQUENCES", "NO_COLOR", "USER", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX"}
        for name in environment(config(), platform).keys() - tuning:
            assert name in REFUSED_ENV_NAMES or name.startswith(REFUSED_ENV_PREFIXES), name


@pytest.mark.parametrize(("task", "runner"), [("Generate", "generate"), ("Embed", "pooling"), ("Score", "pooling")])
def test_a_task_chooses_the_runner_and_none_leaves_it_to_the_engine(task, runner):
    assert f"--runner={runner}" in argv(config(task=task), GPU, None)
    assert [each for each in argv(config(), GPU, None) if each.startswith("--runner")] == []


def test_a_task_of_a_later_operator_is_refused_by_name():
    with pytest.raises(BadConfig, match="task: 'Classify' is not one"):
        argv(config(task="Classify"), GPU, None)
