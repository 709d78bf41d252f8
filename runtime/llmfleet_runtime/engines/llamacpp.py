"""Pure: llama.cpp's server.

It has no place for the guard, so ``front`` serves the port with it and hands on to the server, which listens on a
socket in the container's own file system and nowhere else.
"""

import re

from llmfleet_runtime.config import EngineConfig
from llmfleet_runtime.precision import Precision

from .dialect import BadConfig, Dialect, Installed, Measures, Platform, Prepared, given, text

FRONT = "llmfleet_runtime.front"
PROGRAM = "llama-server"
SOCKET = "/tmp/llmfleet-engine-{port}.sock"  # noqa: S108 because the pod mounts an emptyDir there, and only the engine's user writes to it
"""The server takes a host for a socket by the end of its name."""

SLOTS = 4
"""Requests in one batch when nobody says, its own choice too (tools/server/server.cpp)."""
HTTP_THREADS = 512
"""Each connection keeps one; without a free one the metrics page does not come (measured with 60 requests)."""
WARNINGS = 2
"""Above it, every request writes eight lines."""

CANNOT = ("task", "lora", "quantization", "tensor_parallel", "kv_cache_dtype")
"""Members of the document that the operator does not set for it: ``refused`` says why."""

SWITCHES = ("context-shift", "cont-batching", "kv-offload", "op-offload", "repack")
VALUES = (
    "batch-size",
    "cache-ram",
    "cache-reuse",
    "cache-type-k",
    "cache-type-v",
    "flash-attn",
    "load-mode",
    "log-verbosity",
    "main-gpu",
    "n-cpu-moe",
    "n-gpu-layers",
    "n-predict",
    "numa",
    "reasoning-budget",
    "reasoning-format",
    "rope-freq-base",
    "rope-freq-scale",
    "rope-scale",
    "rope-scaling",
    "seed",
    "slot-prompt-similarity",
    "threads",
    "threads-batch",
    "ubatch-size",
    "yarn-orig-ctx",
)
"""Not here, and so refused: what opens a socket, reads or writes other files, fetches, or runs tools."""


def argv(
    config: EngineConfig, platform: Platform, _memory_bytes: int | None, prepared: Prepared, extra: tuple[str, ...]
) -> tuple[str, ...]:
    """A value is a list element of its own: its parser takes the next one whatever it begins with."""
    if cannot := [member for member in CANNOT if getattr(config, member) is not None]:
        raise BadConfig(f"{cannot[0]}: llama.cpp cannot carry this out")
    socket = SOCKET.format(port=platform.port)
    template = () if prepared.chat_template is None else ("--chat-template-file", prepared.chat_template)
    return (
        *("-P", "-m", FRONT, platform.host, str(platform.port), socket, PROGRAM),
        *("--model", given("model", config.model)),
        *("--alias", ",".join(_names(config))),
        *("--host", socket),
        *("--metrics", "--no-slots", "--no-webui", "--offline"),
        *("--threads-http", str(HTTP_THREADS)),
        *_sizes(config),
        *_cache(config),
        *template,
        *_unless_set(config, "threads", max(1, platform.cpus - 1)),
        *_unless_set(config, "log-verbosity", WARNINGS),
        *extra,
    )


def _names(config: EngineConfig) -> tuple[str, ...]:
    for name in config.served_names:
        if "," in text("servedNames", name) or not name.strip():
            raise BadConfig(f"servedNames: {name!r} must not be empty or hold a comma")
    return config.served_names


def _sizes(config: EngineConfig) -> tuple[str, ...]:
    """Each slot has the whole context length to itself; with neither given the slots share what the model has."""
    slots = config.max_concurrency or SLOTS
    if config.max_model_len is None:
        return () if config.max_concurrency is None else ("--parallel", str(slots), "--kv-unified")
    return ("--parallel", str(slots), "--no-kv-unified", "--ctx-size", str(slots * config.max_model_len))


def _cache(config: EngineConfig) -> tuple[str, ...]:
    return {None: (), True: ("--cache-prompt",), False: ("--no-cache-prompt",)}[config.prefix_caching]


def _unless_set(config: EngineConfig, name: str, number: int) -> tuple[str, ...]:
    is_set = any(argument.name == name for argument in config.args)
    return () if is_set else (f"--{name}", str(number))


def _variables(_config: EngineConfig, _platform: Platform) -> dict[str, str]:
    return {}


def _weigh(_config: EngineConfig, found: Precision, _platform: Platform) -> str | None:
    if found.method != "gguf":
        raise BadConfig(f"the weights are {found}; llama.cpp serves GGUF files only")
    return None


_ITS_OWN_WEIGHTS = "the numbers are what its GGUF file holds"
_NO_LATENCY = "its metrics have no latencies"

LLAMACPP = Dialect(
    name="LlamaCpp",
    title="llama.cpp",
    argv=argv,
    tuning=_variables,
    fixed=_variables,
    weigh=_weigh,
    installed=Installed(
        program=PROGRAM,
        version=re.compile(r"version: (\d\S*)"),
        backends=(("libggml-cuda*", "cuda"), ("libggml-hip*", "rocm")),
    ),
    measures=Measures(
        running=("llamacpp:requests_processing",),
        waiting=("llamacpp:requests_deferred",),
        steps=("llamacpp:n_decode_total",),
        prompt_tokens=("llamacpp:prompt_tokens_total",),
        generation_tokens=("llamacpp:tokens_predicted_total",),
    ),
    verified=("0.1",),
    switches=SWITCHES,
    values=VALUES,
    context_length=("meta", "n_ctx"),
    is_one_file=True,
    answers_in_its_loop=True,
    refused={
        "model.task": "here it only generates",
        "lora": "it cannot load adapters while it runs",
        "quantization": _ITS_OWN_WEIGHTS,
        "engine.dtype": _ITS_OWN_WEIGHTS,
        "engine.kvCache": "its cache has other types: use engine.args cache-type-k and cache-type-v",
        "engine.parallelism": "each replica asks for one device",
        "autoscaling.targets.timeToFirstToken": _NO_LATENCY,
        "autoscaling.targets.timePerOutputToken": _NO_LATENCY,
        "autoscaling.targets.kvCacheUtilizationPercent": "it does not say how full its cache is",
    },
)
"""Held against build 10434 by ``tests/engine``."""
