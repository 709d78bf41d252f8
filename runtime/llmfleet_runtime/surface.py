"""The routes of a serving pod, and those of its engine that this package itself asks for.

Pure data and standard library only, because the guard reads it inside the engine's process.
``tests/engine/test_routes.py`` holds it against the installed engine's own route table.
"""

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
