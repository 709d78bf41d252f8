"""Rule groups as Prometheus reads them from a file."""

from typing import Any

from llmfleet.monitoring.alerts import ALERTS, Alert
from llmfleet.monitoring.recordings import RECORDINGS, Recording

RUNBOOKS = "runbooks"
"""Folder of the pages beside the rules; the chart's value ``monitoring.runbookUrl`` comes before it."""


def groups() -> dict[str, Any]:
    """The document of the rule file."""
    return {
        "groups": [
            {"name": "llmfleet.recordings", "rules": [_recording(each) for each in RECORDINGS]},
            {"name": "llmfleet.alerts", "rules": [_alert(each) for each in ALERTS]},
        ]
    }


def _recording(each: Recording) -> dict[str, Any]:
    return {"record": each.record, "expr": each.expr}


def _alert(each: Alert) -> dict[str, Any]:
    return {
        "alert": each.name,
        "expr": each.expr,
        "for": f"{each.minutes}m",
        "labels": {"severity": each.severity},
        "annotations": {
            "summary": each.summary,
            "description": f"{each.meaning} {each.impact}",
            "runbook_url": f"{RUNBOOKS}/{each.name}.md",
        },
    }


def page(each: Alert) -> str:
    """The runbook page of an alert, Markdown."""
    minutes = f" for {each.minutes} minutes" if each.minutes else ""
    parts = (
        f"# {each.name}",
        f"{each.meaning} {each.impact}",
        f"Severity {each.severity}. It fires when this holds{minutes}:",
        f"```promql\n{each.expr}\n```",
        "## Look",
        "\n".join(f"- {line}" for line in each.look),
        "## Mend",
        "\n".join(f"- {line}" for line in each.remedy),
    )
    return "\n\n".join(parts) + "\n"
