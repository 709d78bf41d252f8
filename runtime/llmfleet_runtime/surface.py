"""What of the engine's outside this package relies on, per line of vLLM versions: metrics, routes.

Pure data and standard library only, because the guard reads it inside the engine's process. Flags and variables are in
``allowed.py``, since users may write them. ``tests/engine/test_surface.py`` holds all of it against the installed vLLM.
"""

from collections.abc import Iterable, Mapping

VERIFIED = ("0.32",)
"""Lines of versions that everything here was held against. Another one runs, with a warning."""

PROBES = frozenset({"/health", "/ping", "/version"})
MODELS_PATH = "/v1/models"
SERVED = frozenset(
    {
        MODELS_PATH,
        "/v1/completions",
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/messages",
        "/v1/embeddings",
        "/v1/score",
        "/v1/rerank",
    }
)
"""Open to everybody and counted as in flight, unlike the probes. All other routes are the launcher's alone."""

METRICS_PATH = "/metrics"
LOAD_ADAPTER_PATH = "/v1/load_lora_adapter"
UNLOAD_ADAPTER_PATH = "/v1/unload_lora_adapter"
OWN = frozenset({METRICS_PATH, LOAD_ADAPTER_PATH, UNLOAD_ADAPTER_PATH})
"""What the launcher itself asks for, besides what is public."""

RUNNING = ("vllm:num_requests_running",)
WAITING = ("vllm:num_requests_waiting",)
KV_CACHE_USAGE = ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc")
PROMPT_TOKENS = ("vllm:prompt_tokens_total", "vllm:prompt_tokens")
GENERATION_TOKENS = ("vllm:generation_tokens_total", "vllm:generation_tokens")
TIME_TO_FIRST_TOKEN = ("vllm:time_to_first_token_seconds",)
TIME_PER_OUTPUT_TOKEN = ("vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds")
REQUEST_TIME_PER_OUTPUT_TOKEN = ("vllm:request_time_per_output_token_seconds",)
"""Names of one measure over the versions, newest first; the first that a page has is taken."""
CACHE_INFO = ("vllm:cache_config_info",)

MEASURES: Mapping[str, tuple[str, ...]] = {
    "running": RUNNING,
    "waiting": WAITING,
    "kvCacheUsage": KV_CACHE_USAGE,
    "promptTokens": PROMPT_TOKENS,
    "generationTokens": GENERATION_TOKENS,
    "timeToFirstToken": TIME_TO_FIRST_TOKEN,
    "timePerOutputToken": TIME_PER_OUTPUT_TOKEN,
    "requestTimePerOutputToken": REQUEST_TIME_PER_OUTPUT_TOKEN,
    "kvCacheTokens": CACHE_INFO,
}
"""By the member of the load report or the status that each becomes; histograms without their suffixes."""


def is_verified(engine_version: str) -> bool:
    """Whether an engine of this version, such as ``0.32.0+cpu``, is of a known line."""
    return ".".join(engine_version.split(".")[:2]) in VERIFIED


def missing(page: str) -> tuple[str, ...]:
    """The newest name of each measure that a metrics page has under none of its names."""
    there = {line.partition("{")[0].partition(" ")[0] for line in page.splitlines() if not line.startswith("#")}
    return tuple(names[0] for names in MEASURES.values() if not _has(there, names))


def _has(there: set[str], names: Iterable[str]) -> bool:
    return any({name, f"{name}_count"} & there for name in names)
