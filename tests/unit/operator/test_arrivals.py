"""Pods that fetch their model: what they say becomes status, trouble and another look."""

from dataclasses import replace
from typing import Any

import pytest

from llmfleet.api.conditions import Reason
from llmfleet.core import fleet
from llmfleet.core.download import arriving, download, recheck_after, with_arrivals
from llmfleet.core.plan import Outcomes
from llmfleet.core.status import derive
from llmfleet.core.trouble import of_crash
from llmfleet.core.world import Observed, Report
from llmfleet_runtime.contract import DownloadReason, DownloadStatus, Farewell, Phase, RuntimeStatus
from tests.builders import DEFAULTS, NOW, children, deployment, look, pod, ready, revision, with_spec
from tests.builders import starting as running


def starting(uri: str = "hf://org/model", count: int = 1, **model: Any) -> Observed:
    raw = deployment(with_spec(model={"uri": uri, **model}, replicas=count))
    of = revision(raw)
    return look(raw, children(raw, count), [pod(of, running(), name=f"qwen-{of}-{n}") for n in range(count)])


def said(status: RuntimeStatus | None, observed: Observed) -> Observed:
    return with_arrivals(observed, {each.uid: Report(status) for each in observed.pods})


def fetching(**members: Any) -> RuntimeStatus:
    return RuntimeStatus(phase=Phase.DOWNLOADING, since=0, download=DownloadStatus(**members))


FAILED = {"reason": "ModelDownloadFailed", "message": "the hub does not answer", "retry_at": 1_800_000_000.0}
STARTED = RuntimeStatus(phase=Phase.STARTING, since=0)


@pytest.mark.parametrize(
    ("uri", "is_asked"),
    [
        ("hf://org/model", True),
        ("s3://models/tiny", True),
        ("gs://models/tiny", True),
        ("pvc://models/tiny", False),
        ("file:///tiny", False),
    ],
)
def test_only_pods_that_fetch_something_are_asked(uri: str, *, is_asked: bool) -> None:
    assert bool(arriving(starting(uri))) is is_asked


def test_a_ready_pod_is_not_asked_as_one_that_arrives() -> None:
    raw = deployment()
    assert arriving(look(raw, children(raw, 1), [pod(revision(raw), ready())])) == ()


@pytest.mark.parametrize(("done", "percent"), [(0, 0), (9, 0), (10, 10), (57, 50), (99, 90), (100, 100)])
def test_how_far_it_is_is_told_in_steps_of_ten(done: int, percent: int) -> None:
    observed = said(fetching(bytes_done=done, bytes_total=100), starting())
    plan = fleet.plan(observed, DEFAULTS, NOW)
    status = derive(observed, plan, Outcomes(), NOW)
    assert status.download is not None
    assert status.download.percent == percent
    assert f"{percent} % of the model is downloaded" in status.conditions[0].message


def test_the_slowest_pod_counts() -> None:
    observed = starting(count=2)
    reports = zip(observed.pods, (30, 70), strict=True)
    told = {each.uid: Report(fetching(bytes_done=done, bytes_total=100)) for each, done in reports}
    found = download(with_arrivals(observed, told), observed.pods[0].revision)
    assert found is not None
    assert found.percent == 30


@pytest.mark.proves("F44")
def test_a_source_that_is_down_is_said_with_the_time_of_the_next_attempt() -> None:
    observed = said(fetching(**FAILED), starting())
    plan = fleet.plan(observed, DEFAULTS, NOW)
    status = derive(observed, plan, Outcomes(), NOW)
    assert {each.type: each.reason for each in status.conditions}["Reconciling"] == Reason.MODEL_DOWNLOAD_FAILED
    assert {each.type: each.status for each in status.conditions}["Stalled"] == "False"
    assert [each.reason for each in status.problems] == [Reason.MODEL_DOWNLOAD_FAILED]
    assert status.download is not None
    assert status.download.retry_time == "2027-01-15T08:00:00Z"


@pytest.mark.parametrize(
    ("status", "seconds"),
    [(None, 10.0), (fetching(), 10.0), (fetching(**FAILED), 10.0), (STARTED, None)],
    ids=["silent", "fetching", "failed", "started"],
)
def test_pods_are_asked_again_until_the_model_is_there(status: RuntimeStatus | None, seconds: float | None) -> None:
    assert recheck_after(said(status, starting())) == seconds


def test_the_commit_that_ready_pods_serve_is_resolved() -> None:
    raw = deployment()
    observed = look(raw, children(raw, 1), [pod(revision(raw), ready())])
    told = RuntimeStatus(phase=Phase.READY, since=0, commit="0e9e39f2")
    observed = replace(observed, reports={each.uid: Report(told) for each in observed.pods})
    resolved = derive(observed, fleet.plan(observed, DEFAULTS, NOW), Outcomes(), NOW).resolved
    assert resolved is not None
    assert resolved.commit == "0e9e39f2"


@pytest.mark.proves("F45", "S41", "S43")
@pytest.mark.parametrize(
    ("reason", "expected", "is_terminal"),
    [
        (DownloadReason.NOT_FOUND, Reason.MODEL_NOT_FOUND, True),
        (DownloadReason.ACCESS_DENIED, Reason.MODEL_ACCESS_DENIED, True),
        (DownloadReason.UNSAFE, Reason.UNSAFE_WEIGHTS, True),
        (DownloadReason.DISK_FULL, Reason.DISK_FULL, True),
        (DownloadReason.FAILED, Reason.MODEL_DOWNLOAD_FAILED, False),
    ],
)
def test_a_download_that_ended_the_pod_is_known_by_name(
    reason: DownloadReason, expected: Reason, *, is_terminal: bool
) -> None:
    message = Farewell(exit_code=64, reason=reason, message="words").to_json()
    trouble = of_crash({"exitCode": 64, "message": message}, restarts=0)
    assert (trouble.reason, trouble.is_terminal, trouble.message) == (expected, is_terminal, "words")
