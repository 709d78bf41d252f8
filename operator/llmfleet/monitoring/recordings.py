"""Recording rules: what dashboards and alerts read of engines and operator.

Pods carry the labels ``namespace`` and ``name`` of their LLMDeployment, which the chart's PodMonitor gives them.
"""

from dataclasses import dataclass

from llmfleet_runtime.contract import ENGINES

FLEET = "namespace, name"


@dataclass(frozen=True)
class Recording:
    """One series that is computed ahead."""

    record: str
    expr: str
    meaning: str


def _series(measure: str, suffix: str = "") -> str:
    """A selector of this measure under the name that each engine that has it gives it."""
    named = (getattr(engine.measures, measure)[:1] for engine in ENGINES.values())
    names = [f"{name}{suffix}" for newest in named for name in newest]
    return names[0] if len(names) == 1 else f'{{__name__=~"{"|".join(names)}"}}'


def _percentile(share: float, measure: str) -> str:
    return f"histogram_quantile({share}, sum by ({FLEET}, le) (rate({_series(measure, '_bucket')}[5m])))"


def _rate(measure: str, suffix: str = "") -> str:
    return f"sum by ({FLEET}) (rate({_series(measure, suffix)}[5m]))"


ATTAINED = f"sum by ({FLEET}, objective) (rate(llmfleet_objective_attained_requests_total[5m]))"
JUDGED = f"sum by ({FLEET}, objective) (rate(llmfleet_objective_requests_total[5m]))"

RECORDINGS = (
    Recording("llmfleet:requests:rate5m", _rate("time_to_first_token", "_count"), "Requests answered per second."),
    Recording("llmfleet:prompt_tokens:rate5m", _rate("prompt_tokens"), "Prompt tokens per second."),
    Recording("llmfleet:output_tokens:rate5m", _rate("generation_tokens"), "Output tokens per second."),
    Recording(
        "llmfleet:time_to_first_token_seconds:p95",
        _percentile(0.95, "time_to_first_token"),
        "Time to first token that 95 % of the requests do not exceed, seconds.",
    ),
    Recording(
        "llmfleet:time_per_output_token_seconds:p95",
        _percentile(0.95, "request_time_per_output_token"),
        "Mean time per output token that 95 % of the requests do not exceed, seconds.",
    ),
    Recording(
        "llmfleet:kv_cache_usage:max", f"max by ({FLEET}) ({_series('kv_cache_usage')})", "Fullest KV cache, 0 to 1."
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
