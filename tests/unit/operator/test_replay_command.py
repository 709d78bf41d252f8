"""``llmfleet replay``: which policy is laid over what was kept, and by which clock."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from llmfleet.__main__ import main
from llmfleet.commands import replay as command
from llmfleet.core.scaling.recorded import Look
from llmfleet.core.scaling.sample import Sample
from tests.builders import Raw, deployment, with_spec
from tests.unit.operator.policies import scaling

END = datetime.fromisoformat("2026-03-30T13:00:00Z").timestamp()
NOON = {"name": "noon", "start": "0 12 * * *", "durationSeconds": 600, "minReplicas": 3}
NOWHERE = {**NOON, "timeZone": "Mars/Olympus"}
QUEUE = {"queueDepth": 4}
Run = Callable[..., Result]


def idle(number: int) -> Look:
    time = END - 7200 + 15.0 * number
    return Look(time, 1, (Sample(0.0, 0.0, "a", scraped=time),))


class Cluster:
    """An API server with one object, or none."""

    def __init__(self, found: Raw | None) -> None:
        self.found, self.closed = found, False

    async def get(self, *_: object) -> Raw | None:
        return self.found

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "time", SimpleNamespace(time=lambda: END))
    monkeypatch.setattr(command, "looks", lambda *_: [idle(number) for number in range(480)])

    def invoke(*words: str, found: Raw | None = None) -> Result:
        cluster = Cluster(found)

        async def client() -> Cluster:
            return cluster

        monkeypatch.setattr(command, "api_client", client)
        monkeypatch.setattr(command, "ApiServer", lambda given: given)
        given = ["replay", "qwen", "--prometheus", "http://here", "--since", "110m", *words]
        result = CliRunner().invoke(main, given)
        assert cluster.closed is not ("--policy" in words)
        return result

    return invoke


def differences(result: Result) -> list[dict]:
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)["policies"]
    return list(found["differences"])


def test_schedules_hold_when_they_would_have_held(run: Run) -> None:
    (found,) = differences(run("--policy", scaling("a.yaml", targets=QUEUE, schedules=[NOON]), "-o", "json"))
    assert (found["start"], found["end"]) == (END - 3600, END - 3000 - 15)
    assert (found["size"], found["wanted"], found["why"]) == (1, 3, "Schedule")
    assert differences(run("--policy", scaling("b.yaml", targets=QUEUE), "-o", "json")) == []


def test_the_policy_in_the_cluster_is_laid_over_by_the_same_clock(run: Run) -> None:
    now = deployment(with_spec(autoscaling={"maxReplicas": 8, "targets": QUEUE, "schedules": [NOON]}))
    found = run(found=now)
    assert (found.exit_code, found.stderr) == (0, "")
    assert "2026-03-30 12:00:00Z to 2026-03-30 12:09:45Z  1 stood, 3 wanted  Schedule" in found.stdout


def test_what_the_operator_does_not_follow_is_said_and_not_followed(run: Run) -> None:
    now = deployment(with_spec(autoscaling={"maxReplicas": 8, "targets": QUEUE, "schedules": [NOWHERE]}))
    found = run("-o", "json", found=now)
    assert differences(found) == []
    assert "these schedules count for nothing: schedule noon: timeZone 'Mars/Olympus'" in found.stderr


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"minReplicas": 9}, "a.yaml: default/a would be refused by the API server"),
        ({"schedules": [NOWHERE]}, "a.yaml: spec.autoscaling.schedules: schedule noon: timeZone 'Mars/Olympus'"),
    ],
)
def test_a_file_that_would_not_be_followed_is_refused(run: Run, members: dict, says: str) -> None:
    found = run("--policy", scaling("a.yaml", **members))
    assert (found.exit_code, says in found.output) == (1, True)


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (None, "there is no LLMDeployment default/qwen"),
        (deployment(), "default/qwen: it has no spec.autoscaling\nNext: give a policy with --policy FILE"),
    ],
)
def test_without_a_policy_in_the_cluster_a_file_is_asked_for(run: Run, now: Raw | None, says: str) -> None:
    found = run(found=now)
    assert (found.exit_code, says in found.output, "--policy FILE" in found.output) == (1, True, True)
