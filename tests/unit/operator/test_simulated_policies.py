"""What ``llmfleet simulate`` makes of a policy: refusals, schedules, zero, GPUs."""

import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llmfleet.__main__ import main
from llmfleet.commands import simulate as command
from tests.unit.operator.policies import policy, rows, scaling

NOON = {"name": "noon", "start": "0 12 * * *", "durationSeconds": 600, "minReplicas": 3}
CAP = {"name": "cap", "start": "5 12 * * *", "durationSeconds": 60, "minReplicas": 1, "maxReplicas": 2}
SPAN = {0, 1, *range(20, 26), 40}
"""Minutes with a request every ten seconds."""
LINES = [f"2024-01-01 00:{minute:02}:{second:02},900,80" for minute in sorted(SPAN) for second in range(0, 60, 10)]
ASLEEP = {"minReplicas": 0, "scaleToZeroAfterSeconds": 120}
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    Path("seldom.csv").write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *LINES]))

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(main, ["simulate", "seldom.csv", "--startup-seconds", "60", *words])

    return invoke


def told(result: Result) -> dict:
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)["policies"]
    return dict(found)


def changes(found: dict) -> list[tuple[int, int, int, str]]:
    return [(each["time"], each["before"], each["after"], each["why"].split(":")[0]) for each in found["changes"]]


@pytest.mark.parametrize(
    ("members", "says"),
    [
        pytest.param({"minReplicas": 9}, "spec.autoscaling: Invalid value: minReplicas must not exceed", id="bounds"),
        pytest.param(
            {"scaleToZeroAfterSeconds": 60}, "scaleToZeroAfterSeconds needs minReplicas: 0", id="zero without zero"
        ),
        pytest.param({"targets": {}}, "spec.autoscaling.targets: Invalid value: at least one target", id="no target"),
        pytest.param({"targtes": {}}, 'unknown field "spec.autoscaling.targtes"', id="a field that is none"),
        pytest.param(
            {"schedules": [{**NOON, "start": "0 25 * * *"}]},
            'spec.autoscaling.schedules[0].start: Invalid value: "0 25 * * *": must be five fields of cron',
            id="no cron",
        ),
        pytest.param(
            {"schedules": [{**NOON, "maxReplicas": 2}]}, "its minReplicas, or autoscaling.minReplicas", id="bounds then"
        ),
        pytest.param(
            {"schedules": [{**NOON, "start": "0 12 31 2 *"}]},
            "start '0 12 31 2 *': Bad day-of-month",
            id="a day that never comes",
        ),
        pytest.param(
            {"schedules": [{**NOON, "timeZone": "Mars/Olympus"}]}, "'Mars/Olympus' is none of the IANA", id="no zone"
        ),
        pytest.param(
            {"schedules": [NOON, CAP]},
            "spec.autoscaling.schedules: schedules noon and cap hold at once at 2024-01-01T12:05:00Z",
            id="schedules that contradict each other",
        ),
    ],
)
def test_what_the_server_or_the_operator_would_not_take_is_not_tried(run: Run, members: dict, says: str) -> None:
    found = run("--policy", scaling("bad.yaml", **members))
    assert found.exit_code == 1
    assert "Error: bad.yaml: " in found.output
    assert says in found.output
    assert "attained" not in found.output


def test_a_policy_whose_pods_could_not_serve_is_not_tried(run: Run) -> None:
    old = {"quantization": {"method": "FP8"}, "accelerator": {"products": ["Tesla-V100-SXM2-32GB"]}}
    found = run("--policy", policy("old.yaml", **old))
    assert (found.exit_code, "old.yaml: QuantizationUnsupported: " in found.output) == (1, True)


def test_which_folders_of_nodes_are_allowed_is_not_the_files_to_say(run: Run) -> None:
    cache = {"type": "HostPath", "hostPath": {"path": "/models"}}
    assert run("--policy", policy("node.yaml", model={"uri": "hf://a/b", "cache": cache})).exit_code == 0


def test_without_the_library_that_judges_rules_nothing_is_tried(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llmfleet.core.judge", None)
    found = run("--policy", policy("a.yaml"))
    assert (found.exit_code, "pip install 'llmfleet[plan]'" in found.output) == (1, True)
    assert "attained" not in found.output


def test_schedules_hold_by_the_clock_that_begin_sets(run: Run) -> None:
    file = scaling("noon.yaml", schedules=[NOON])
    found = told(run("--policy", file, "--begin", "2026-03-30T13:50:00+02:00", "-o", "json"))
    assert found["begin"] == "2026-03-30T11:50:00Z"
    assert changes(found)[0] == (600.0, 1, 3, "Schedule")
    assert changes(found)[1][0] > 1200.0
    assert changes(told(run("--policy", file, "-o", "json"))) == []


def test_a_fleet_begins_with_what_a_schedule_asks_for_then(run: Run) -> None:
    file = scaling("noon.yaml", schedules=[NOON])
    assert told(run("--policy", file, "--begin", "2026-03-30T12:00:00Z", "-o", "json"))["largest"] == 3


def test_second_0_is_said_where_it_matters(run: Run) -> None:
    assert "second 0 is 2024-01-01T00:00:00Z" in run("--policy", scaling("noon.yaml", schedules=[NOON])).output
    assert "second 0" not in run("--policy", scaling("plain.yaml")).output


def test_what_a_server_kept_is_played_at_the_time_when_it_was(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    end = datetime.fromisoformat("2026-03-30T12:20:00Z").timestamp()
    monkeypatch.setattr(command.time, "time", lambda: end)
    monkeypatch.setattr(command, "looks", lambda *_: [])
    words = ["--prometheus", "http://here", "--name", "qwen", "--since", "30m", "--startup-seconds", "60"]
    words += ["--policy", scaling("noon.yaml", schedules=[NOON]), "-o", "json"]
    found = told(CliRunner().invoke(main, ["simulate", *words]))
    assert (found["begin"], changes(found)[0]) == ("2026-03-30T11:50:00Z", (600.0, 1, 3, "Schedule"))
    given = told(CliRunner().invoke(main, ["simulate", *words, "--begin", "2026-03-30T12:15:00Z"]))
    assert (given["begin"], changes(given)) == ("2026-03-30T12:15:00Z", [])


@pytest.mark.parametrize(
    "begin", ["noon", "2026-03-30T12:00:00", "2026-03-30", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z"]
)
def test_a_begin_is_a_time_with_a_zone(run: Run, begin: str) -> None:
    found = run("--policy", policy("a.yaml"), "--begin", begin)
    assert (found.exit_code, f"{begin!r} is no time with a zone from 1970 to 2199" in found.output) == (1, True)


def test_an_idle_fleet_goes_to_zero_and_refuses_what_comes_then(run: Run) -> None:
    found = told(run("--policy", scaling("zero.yaml", **ASLEEP), "-o", "json"))
    ((time, *change),) = changes(found)
    assert change == [1, 0, "Idle"]
    assert 110 + 120 <= time <= 110 + 130
    assert (found["requests"], found["refused"]) == (len(LINES), len(LINES) - 12)
    assert found["attained"] == pytest.approx(12 / len(LINES))
    assert found["gpu_hours"] == pytest.approx(time / 3600)


def test_a_schedule_starts_a_fleet_that_sleeps_and_lets_it_sleep_again(run: Run) -> None:
    file = scaling("zero.yaml", **ASLEEP, schedules=[{**NOON, "minReplicas": 1}])
    found = told(run("--policy", file, "--begin", "2024-01-01T11:42:00Z", "-o", "json"))
    assert [change for _, *change in changes(found)] == [[1, 0, "Idle"], [0, 1, "Schedule"], [1, 0, "Idle"]]
    assert changes(found)[1][0] == 1080.0
    assert changes(found)[2][0] == 1080.0 + 600
    assert found["refused"] == 6


def test_what_the_numbers_mean_of_a_fleet_that_slept_is_said(run: Run) -> None:
    found = run("--policy", scaling("zero.yaml", **ASLEEP)).output
    assert "went to zero: zero.yaml. Nothing holds what comes then: it is refused, and not attained." in found
    assert "Only a schedule starts a fleet again here" in found
    assert "went to zero" not in run("--policy", policy("a.yaml")).output


def test_one_that_reads_a_metrics_source_does_not_sleep(run: Run) -> None:
    file = scaling("zero.yaml", **ASLEEP, metricsSourceName="main")
    assert changes(told(run("--policy", file, "-o", "json"))) == []


@pytest.mark.parametrize(
    ("members", "gpus", "says"),
    [
        ({"engine": {"parallelism": {"tensor": 4}}}, 4, "asks for 4 GPUs and computes like one of --profile 8b-a100"),
        ({"accelerator": {"type": "CPU"}}, 0, "asks for 0 GPUs and computes like one of --profile 8b-a100"),
        ({}, 1, None),
    ],
)
def test_gpus_are_those_that_each_replica_asks_for(run: Run, members: dict, gpus: int, says: str | None) -> None:
    found = run("--policy", policy("a.yaml", **members), "-o", "json")
    assert told(found)["gpu_hours"] == pytest.approx(gpus * told(found)["replica_hours"])
    assert told(found)["replica_hours"] > 0.5
    assert (says or "") in found.stderr
    assert bool(found.stderr) is bool(says)


def test_a_quota_counts_gpus(run: Run) -> None:
    file = policy("wide.yaml", engine={"parallelism": {"tensor": 4}})
    words = ("--profile", "70b-4xh100", "--initial", "2", "--policy", file, "--quota")
    assert [float(rows(run(*words, quota).stdout)[0][6]) for quota in ("3", "7")] == [
        0.0,
        pytest.approx(0.68, abs=0.02),
    ]
    assert float(rows(run(*words, "8").stdout)[0][5]) > 4 * 0.68
