"""Recording rules: what dashboards and alerts read of engines and operator.

Pods carry the labels ``namespace`` and ``name`` of their LLMDeployment, which the chart's PodMonitor gives them.
Engines and their versions name a measure differently: it is asked for under all names that the runtime knows.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from llmfleet_runtime.contract import measures

FLEET = "namespace, name"
RATE = "rate({}[5m])"


@dataclass(frozen=True)
class Recording:
    """One series that is computed ahead."""

    record: str
    expr: str
    meaning: str


def _first(names: Iterable[str], suffix: str = "", function: str = "{}") -> str:
    """Of each pod the first of these names that it has; ``or`` takes of a later one only what has no earlier one."""
    return " or ".join(function.format(f"{name}{suffix}") for name in names)


def _rate(names: Iterable[str], suffix: str = "") -> str:
    return f"sum by ({FLEET}) ({_first(names, suffix, RATE)})"


def _percentile(share: float, names: Iterable[str]) -> str:
    return f"histogram_quantile({share}, sum by ({FLEET}, le) ({_first(names, '_bucket', RATE)}))"


ATTAINED = f"sum by ({FLEET}, objective) (rate(llmfleet_objective_attained_requests_total[5m]))"
JUDGED = f"sum by ({FLEET}, objective) (rate(llmfleet_objective_requests_total[5m]))"

RECORDINGS = (
    Recording(
        "llmfleet:requests:rate5m", _rate(measures.TIME_TO_FIRST_TOKEN, "_count"), "Requests answered per second."
    ),
    Recording("llmfleet:prompt_tokens:rate5m", _rate(measures.PROMPT_TOKENS), "Prompt tokens per second."),
    Recording("llmfleet:output_tokens:rate5m", _rate(measures.GENERATION_TOKENS), "Output tokens per second."),
    Recording(
        "llmfleet:time_to_first_token_seconds:p95",
        _percentile(0.95, measures.TIME_TO_FIRST_TOKEN),
        "Time to first token that 95 % of the requests do not exceed, seconds.",
    ),
    Recording(
        "llmfleet:time_per_output_token_seconds:p95",
        _percentile(0.95, measures.REQUEST_TIME_PER_OUTPUT_TOKEN),
        "Mean time per output token that 95 % of the requests do not exceed, seconds.",
    ),
    Recording(
        "llmfleet:kv_cache_usage:max",
        f"max by ({FLEET}) ({_first(measures.KV_CACHE_USAGE)})",
        "Fullest KV cache, 0 to 1.",
    ),
    Recording(
        "llmfleet:objective_attainment:ratio5m",
        f"{ATTAINED} / ({JUDGED} > 0)",
        "Requests that were as quick as their target asks, 0 to 1, by target.",
    ),
    Recording(
        "llmfleet:gpus:held",
        f"sum by ({FLEET}, product) (rate(llmfleet_gpu_seconds_total[5m]))",
        "GPUs that are held.",
    ),
    Recording(
        "llmfleet:gpu_cost:rate1h",
        f"sum by ({FLEET}) (rate(llmfleet_gpu_cost_total[1h])) * 3600",
        "Cost of an hour at the prices of the settings.",
    ),
)
