"""The routes of a serving pod, and those of its engine that this package itself asks for.

Pure data and standard library only, because the guard reads it inside the engine's process.
``tests/engine/test_routes.py`` holds it against the installed engine's own route table.
"""

PROBES = frozenset({"/health", "/ping", "/version"})
MODELS_PATH = "/v1/models"
TASKS = {
    "Generate": frozenset({"/v1/completions", "/v1/chat/completions", "/v1/responses", "/v1/messages"}),
    "Embed": frozenset({"/v1/embeddings"}),
    "Score": frozenset({"/score", "/rerank", "/v1/score", "/v1/rerank", "/v2/rerank"}),
}
"""Where a task is asked for, by the resource's word. Scoring has its routes without and with a version."""
SERVED = frozenset({MODELS_PATH}).union(*TASKS.values())
"""Open to everybody and counted as in flight, unlike the probes. All other routes are the launcher's alone."""


def served(task: str | None) -> frozenset[str]:
    """The open routes of a model that does this task alone; None: of one that does what it was made for."""
    return SERVED if task is None else frozenset({MODELS_PATH}) | TASKS[task]


METRICS_PATH = "/metrics"
LOAD_ADAPTER_PATH = "/v1/load_lora_adapter"
UNLOAD_ADAPTER_PATH = "/v1/unload_lora_adapter"
OWN = frozenset({METRICS_PATH, LOAD_ADAPTER_PATH, UNLOAD_ADAPTER_PATH})
"""What the launcher itself asks for, besides what is public."""
