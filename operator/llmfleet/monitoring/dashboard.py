"""The Grafana dashboard of fleets: what users feel, the size and why it changed, what it costs, and what is known."""

from dataclasses import dataclass
from typing import Any

SELECTED = 'namespace=~"$namespace",name=~"$name"'
WIDTH, HEIGHT, COLUMNS = 12, 8, 24


@dataclass(frozen=True)
class Query:
    """One line of a panel, or several by their labels."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """Lines over time."""

    title: str
    unit: str
    """As Grafana names it."""
    queries: tuple[Query, ...]
    description: str = ""


FLEET = "{{namespace}}/{{name}}"


def _recorded(name: str, legend: str = FLEET) -> Query:
    return Query(f"{name}{{{SELECTED}}}", legend)


PANELS = (
    Panel(
        "Time to first token, p95",
        "s",
        (
            _recorded("llmfleet:time_to_first_token_seconds:p95"),
            Query(f'llmfleet_objective_seconds{{{SELECTED},objective="TimeToFirstToken"}}', f"{FLEET} target"),
        ),
    ),
    Panel(
        "Time per output token, p95",
        "s",
        (
            _recorded("llmfleet:time_per_output_token_seconds:p95"),
            Query(f'llmfleet_objective_seconds{{{SELECTED},objective="TimePerOutputToken"}}', f"{FLEET} target"),
        ),
    ),
    Panel(
        "Requests as quick as promised",
        "percentunit",
        (_recorded("llmfleet:objective_attainment:ratio5m", f"{FLEET} {{{{objective}}}}"),),
        "By target; the promise itself is llmfleet_objective_share.",
    ),
    Panel("Requests per second", "reqps", (_recorded("llmfleet:requests:rate5m"),)),
    Panel(
        "Replicas",
        "short",
        (
            _recorded("llmfleet_desired_replicas", f"{FLEET} wanted"),
            _recorded("llmfleet_decided_replicas", f"{FLEET} decided"),
            _recorded("llmfleet_ready_replicas", f"{FLEET} ready"),
            _recorded("llmfleet_max_replicas", f"{FLEET} most"),
        ),
    ),
    Panel(
        "Changes of size by reason",
        "short",
        (
            Query(
                f"sum by (reason) (increase(llmfleet_scaling_decisions_total{{{SELECTED}}}[$__rate_interval]))",
                "{{reason}}",
            ),
        ),
    ),
    Panel(
        "What the size rests on",
        "short",
        (_recorded("llmfleet_scaling_reason", f"{FLEET} {{{{reason}}}}"),),
        "1 for the reason of the last decision; `llmfleet explain` has its numbers.",
    ),
    Panel(
        "Requests in the pods",
        "short",
        (
            _recorded("llmfleet_demand_requests", f"{FLEET} running and waiting"),
            _recorded("llmfleet_waiting_requests", f"{FLEET} waiting"),
        ),
    ),
    Panel(
        "Trust in the load",
        "percentunit",
        (
            _recorded("llmfleet_signal_trust", f"{FLEET} trust"),
            _recorded("llmfleet_signal_coverage", f"{FLEET} coverage"),
        ),
        "Below 70 % nothing is released, below 50 % the size is held.",
    ),
    Panel(
        "Tokens per second",
        "short",
        (
            _recorded("llmfleet:prompt_tokens:rate5m", f"{FLEET} prompt"),
            _recorded("llmfleet:output_tokens:rate5m", f"{FLEET} output"),
        ),
    ),
    Panel("Fullest KV cache", "percentunit", (_recorded("llmfleet:kv_cache_usage:max"),)),
    Panel("GPUs held", "short", (_recorded("llmfleet:gpus:held", f"{FLEET} {{{{product}}}}"),)),
    Panel(
        "Cost of an hour",
        "short",
        (_recorded("llmfleet:gpu_cost:rate1h"),),
        "At the prices of the operator's setting gpuHourPrices; empty without them.",
    ),
    Panel(
        "Requests that leaving pods cut off",
        "short",
        (_recorded("llmfleet_aborted_requests_total"),),
    ),
    Panel(
        "Fleets in trouble",
        "short",
        (Query(f'sum by (type) (llmfleet_condition{{{SELECTED},type="Stalled"}})', "{{type}}"),),
    ),
)


def dashboard() -> dict[str, Any]:
    """The document that Grafana imports."""
    return {
        "uid": "llmfleet",
        "title": "llmfleet",
        "tags": ["llmfleet"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [_datasource(), _variable("namespace", ""), _variable("name", 'namespace=~"$namespace"')]
        },
        "panels": [_panel(number, each) for number, each in enumerate(PANELS)],
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _variable(label: str, selector: str) -> dict[str, Any]:
    query = f"label_values(llmfleet_desired_replicas{{{selector}}}, {label})"
    return {
        "name": label,
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "$datasource"},
        "query": {"query": query, "refId": label},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    column, row = number * WIDTH % COLUMNS, number * WIDTH // COLUMNS * HEIGHT
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "gridPos": {"x": column, "y": row, "w": WIDTH, "h": HEIGHT},
        "datasource": {"type": "prometheus", "uid": "$datasource"},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "expr": each.expr, "legendFormat": each.legend}
            for place, each in enumerate(panel.queries)
        ],
    }
