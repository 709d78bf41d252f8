"""engine.py: what pods say of an engine that their runtime was not made for."""

import pytest

from llmfleet.core.engine import engine_verified
from llmfleet.core.world import Report
from llmfleet_runtime.contract import EngineWarning, WarningReason
from tests.builders import deployment, look, pod, ready, report, revision, with_status

OWN = deployment()
VERSION = EngineWarning(reason=WarningReason.ENGINE_VERSION_UNKNOWN, message="vLLM 0.99 was never tried")
METRIC = EngineWarning(reason=WarningReason.METRIC_UNKNOWN, message="no vllm:num_requests_running")
LATER_REASON = EngineWarning(reason="SomethingNew", message="words")


def told(*reports: Report | None, past: tuple[str, str] | None = None) -> tuple[str, str, str]:
    """Status, reason and message of the condition over pods that say this; None says nothing."""
    pods = [pod(revision(OWN), ready(), name=f"p{number}") for number, _ in enumerate(reports)]
    found = {each["metadata"]["uid"]: said or Report() for each, said in zip(pods, reports, strict=True)}
    before = [{"type": "EngineVerified", "status": past[0], "reason": past[1], "message": "m"}] if past else []
    condition = engine_verified(look(deployment(with_status(conditions=before)), (), pods, found))
    return condition.status, condition.reason, condition.message


def test_an_engine_without_warnings_is_verified() -> None:
    assert told(report(), report()) == ("True", "EngineVerified", "")


@pytest.mark.parametrize(
    ("warnings", "reason", "words"),
    [
        ((VERSION,), "EngineVersionUnknown", "1 of 2 ready pods: vLLM 0.99 was never tried"),
        ((METRIC,), "MetricUnknown", "1 of 2 ready pods: no vllm:num_requests_running"),
        ((VERSION, METRIC), "MetricUnknown", "no vllm:num_requests_running"),
        ((LATER_REASON,), "EngineVersionUnknown", "words"),
    ],
)
def test_a_warning_of_any_pod_is_said_and_the_graver_first(
    warnings: tuple[EngineWarning, ...], reason: str, words: str
) -> None:
    status, found, message = told(report(), report(warnings=warnings))
    assert (status, found) == ("False", reason)
    assert words in message


@pytest.mark.parametrize("silent", [(), (None,)], ids=["no pod", "a silent pod"])
def test_while_nobody_tells_what_was_said_last_stands(silent: tuple[None, ...]) -> None:
    assert told(*silent) == ("Unknown", "Pending", "no ready pod has told")
    assert told(*silent, past=("False", "MetricUnknown")) == ("False", "MetricUnknown", "m")
    assert told(report(), *silent, past=("False", "MetricUnknown"))[0] == "True"
