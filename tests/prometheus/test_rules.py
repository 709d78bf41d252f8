"""Each alert fires on what it is about, and on nothing else; promtool judges."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from e2e.prometheus import promtool
from llmfleet.monitoring.alerts import ALERTS

pytestmark = pytest.mark.prometheus
RULES = Path(__file__).parents[2] / "charts" / "llmfleet" / "files" / "monitoring" / "rules.yaml"
FLEET = 'namespace="team-a",name="qwen"'
LABELS = {"namespace": "team-a", "name": "qwen"}
TOKEN = {"objective": "TimeToFirstToken"}


class Case(NamedTuple):
    """Series as promtool writes them, and what must be said after an hour; nothing when the summary is empty."""

    alert: str
    series: dict[str, str]
    summary: str = ""
    labels: dict[str, str] = LABELS


def fleet(metric: str, labels: str = "") -> str:
    return f"{metric}{{{FLEET}{labels}}}"


def judged(attained: str, share: str = "0.95x90") -> dict[str, str]:
    target = ',objective="TimeToFirstToken"'
    return {
        fleet("llmfleet_objective_requests_total", target): "0+600x90",
        fleet("llmfleet_objective_attained_requests_total", target): attained,
        fleet("llmfleet_objective_share", target): share,
    }


def at_most(desired: int, most: int, waiting: int) -> dict[str, str]:
    numbers = {"desired_replicas": desired, "max_replicas": most, "waiting_requests": waiting}
    return {fleet(f"llmfleet_{name}"): f"{number}x90" for name, number in numbers.items()}


def heard(coverage: str, trust: str = "0x90", ready: str = "2x90") -> dict[str, str]:
    names = ("signal_coverage", "signal_trust", "ready_replicas")
    return {fleet(f"llmfleet_{name}"): values for name, values in zip(names, (coverage, trust, ready), strict=True)}


DECISIONS = fleet("llmfleet_scaling_decisions_total", ',reason="QueueDepth"')
ABORTED, FAILED = fleet("llmfleet_aborted_requests_total"), "llmfleet_api_failures_total"
DEFECTIVE = "llmfleet_defective_fleets"
STALLED = fleet("llmfleet_condition", ',type="Stalled"')
MISSING = {fleet("llmfleet_desired_replicas"): "3x90"}
SHOWN = "team-a/qwen"
CASES = (
    Case("LLMFleetNoLeader", {"llmfleet_leader": "0x90"}, "no llmfleet operator leads", {}),
    Case("LLMFleetNoLeader", {"llmfleet_leader": "1x57 0x3"}),
    Case("LLMFleetNoLeader", {'llmfleet_leader{pod="a"}': "1x90", 'llmfleet_leader{pod="b"}': "0x90"}),
    Case(
        "LLMFleetMissesObjective",
        judged("0+540x90"),
        f"{SHOWN} keeps TimeToFirstToken for 90% of its requests only",
        LABELS | TOKEN,
    ),
    Case("LLMFleetMissesObjective", judged("0+580x90")),
    Case("LLMFleetMissesObjective", judged("0+540x90", "0.9x90")),
    Case("LLMFleetMissesObjective", judged("0x90") | {next(iter(judged("0x90"))): "0x90"}),
    Case("LLMFleetAtMaximum", at_most(4, 4, 3), f"{SHOWN} is at its maximum of 4 replicas and requests wait"),
    Case("LLMFleetAtMaximum", at_most(3, 4, 3)),
    Case("LLMFleetAtMaximum", at_most(4, 4, 0)),
    Case("LLMFleetLoadUnknown", heard("0.25x90"), f"{SHOWN} tells its load for 25% of its pods only"),
    Case("LLMFleetLoadUnknown", heard("0.5x90")),
    Case("LLMFleetLoadUnknown", heard("0x90", ready="0x90")),
    Case("LLMFleetLowTrust", heard("0.6x90", "0.6x90"), f"{SHOWN} is trusted to 60% only; no replica is released"),
    Case("LLMFleetLowTrust", heard("0.7x90", "0.7x90")),
    Case("LLMFleetLowTrust", heard("0.25x90", "0.25x90")),
    Case(
        "LLMFleetReplicasMissing",
        MISSING | {fleet("llmfleet_ready_replicas"): "2x90"},
        f"{SHOWN} has had fewer ready replicas than wanted for 20 minutes",
    ),
    Case("LLMFleetReplicasMissing", MISSING | {fleet("llmfleet_ready_replicas"): "3x45 2x10 3x10"}),
    Case(
        "LLMFleetStalled",
        {STALLED: "1x90"},
        f"{SHOWN} is stalled: nothing more happens until somebody changes something",
        LABELS | {"type": "Stalled"},
    ),
    Case("LLMFleetStalled", {STALLED: "0x90"}),
    Case("LLMFleetRequestsAborted", {ABORTED: "0x50 3x30"}, f"{SHOWN} cut off 3 requests while pods left"),
    Case("LLMFleetRequestsAborted", {ABORTED: "7x90"}),
    Case("LLMFleetFlaps", {DECISIONS: "0+0.5x90"}, f"{SHOWN} changed its size 30 times within an hour"),
    Case("LLMFleetFlaps", {DECISIONS: "0+0.1x90"}),
    Case(
        "LLMFleetAPIFailures",
        {FAILED: "0+30x90"},
        "the API server does not answer llmfleet: 500m failures per second",
        {},
    ),
    Case("LLMFleetAPIFailures", {FAILED: "0+1x90"}),
    Case("LLMFleetDefect", {DEFECTIVE: "1x90"}, "llmfleet fails on a defect of its own for 1 fleets", {}),
    Case("LLMFleetDefect", {DEFECTIVE: "1x57 0x33"}),
)


def expected(case: Case) -> list[dict[str, Any]]:
    """The alert as promtool expects it."""
    if not case.summary:
        return []
    (alert,) = [each for each in ALERTS if each.name == case.alert]
    words = {
        "summary": case.summary,
        "description": f"{alert.meaning} {alert.impact}",
        "runbook_url": f"runbooks/{alert.name}.md",
    }
    return [{"exp_labels": case.labels | {"severity": alert.severity}, "exp_annotations": words}]


def test_promtool_finds_nothing_to_complain_about(programs: Path) -> None:
    assert "SUCCESS" in promtool(programs, "check", "rules", str(RULES))


def test_each_alert_fires_on_its_trouble_and_stays_silent_on_others(programs: Path, tmp_path: Path) -> None:
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
            "alert_rule_test": [{"eval_time": "60m", "alertname": case.alert, "exp_alerts": expected(case)}],
        }
        for case in CASES
    ]
    path = tmp_path / "tests.yml"
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    assert "SUCCESS" in promtool(programs, "test", "rules", str(path))


def test_each_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    fires = {(case.alert, bool(case.summary)) for case in CASES}
    assert fires == {(alert.name, fire) for alert in ALERTS for fire in (True, False)}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_each_alert_has_its_page(alert) -> None:
    page = (RULES.parent / "runbooks" / f"{alert.name}.md").read_text()
    assert page.startswith(f"# {alert.name}\n")
    assert alert.expr in page
