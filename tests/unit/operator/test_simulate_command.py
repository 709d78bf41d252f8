"""``llmfleet simulate``: files in, a table and an exit code out."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llmfleet.__main__ import main
from llmfleet.commands import simulate as command
from llmfleet.commands.timeline import minutes
from llmfleet.core.simulation import synthetic
from llmfleet.core.simulation.outcome import Outcome
from tests.unit.operator.policies import TARGETS, policy, rows

LINES = ["TIMESTAMP,ContextTokens,GeneratedTokens"] + [
    f"2023-11-16 18:{minute:02}:{second:02}.1234567,900,80" for minute in range(5) for second in range(60)
]
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    policy("a.yaml", TARGETS)
    policy("b.yaml", {"queueDepth": 4})
    Path("azure.csv").write_text("\n".join(LINES))

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(main, ["simulate", *words])

    return invoke


def test_a_trace_is_played_and_told_as_a_table(run: Run) -> None:
    found = run("azure.csv", "--policy", "a.yaml")
    assert found.exit_code == 0, found.output
    assert "attained: first token within 2000 ms and 100 ms per token, of 300 requests" in found.output
    assert rows(found.stdout)[0][:2] == ["a.yaml", "100.0%"]


def test_policies_are_compared_on_the_same_requests(run: Run) -> None:
    found = run("--synthetic", "flash", "--rate", "2", "--policy", "a.yaml", "--policy", "b.yaml")
    assert [row[0] for row in rows(found.stdout)] == ["a.yaml", "b.yaml"]


def test_json_holds_every_change_with_its_reason(run: Run) -> None:
    found = json.loads(run("--synthetic", "step", "--rate", "3", "--policy", "a.yaml", "-o", "json").stdout)
    assert found["promise"] == {"time_to_first_token": 2.0, "time_per_output_token": 0.1}
    (told,) = found["policies"]
    assert told["changes"][0]["before"] == 1
    assert "requests/s now" in told["changes"][0]["why"]
    assert {"attained", "gpu_hours", "flips", "recovery", "first_token_p99", "worst"} <= told.keys()


def test_the_same_seed_gives_the_same_output_and_another_gives_another(run: Run) -> None:
    words = ("--synthetic", "flash", "--rate", "2", "--policy", "a.yaml", "-o", "json", "--seed")
    assert run(*words, "5").stdout == run(*words, "5").stdout
    assert run(*words, "5").stdout != run(*words, "6").stdout


@pytest.mark.parametrize(("below", "code"), [("99", 2), ("5", 0)])
def test_a_policy_that_attains_too_little_fails_a_pipeline(run: Run, below: str, code: int) -> None:
    assert run("--synthetic", "flash", "--policy", "a.yaml", "--fail-below", below).exit_code == code


def test_the_promise_can_be_given(run: Run) -> None:
    found = run("azure.csv", "--policy", "b.yaml", "--first-token-ms", "1", "--output-token-ms", "50")
    assert "within 1 ms and 50 ms per token" in found.output
    assert rows(found.stdout)[0][1] == "0.0%"


def test_copies_of_a_trace_come_at_once(run: Run) -> None:
    assert "of 600 requests" in run("azure.csv", "--copies", "2", "--policy", "a.yaml").output


def test_the_world_has_an_effect(run: Run) -> None:
    def hours(*words: str) -> str:
        return rows(run("--synthetic", "step", "--rate", "4", "--policy", "a.yaml", *words).stdout)[0][5]

    assert float(hours("--quota", "1")) < float(hours("--initial", "6"))
    assert hours("--profile", "8b-h100") != hours("--profile", "8b-l40s")
    assert hours("--startup-seconds", "300", "--failing-starts", "0.5") != hours("--startup-seconds", "20")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--policy", "a.yaml"], "give either a TRACE, --synthetic or --prometheus"),
        (
            ["azure.csv", "--synthetic", "step", "--policy", "a.yaml"],
            "give either a TRACE, --synthetic or --prometheus",
        ),
        (["azure.csv"], "Missing option '--policy'"),
        (["none.csv", "--policy", "a.yaml"], "none.csv"),
        (["a.yaml", "--policy", "a.yaml"], "line 1 is neither"),
        (["azure.csv", "--policy", "azure.csv"], "holds something that is no Kubernetes object"),
        (["azure.csv", "--policy", "none.yaml"], "none.yaml must hold one LLMDeployment; it holds 0"),
        (["azure.csv", "--policy", "c.yaml"], "c.yaml: it has no spec.autoscaling"),
        (
            ["azure.csv", "--policy", "d.yaml"],
            "spec.autoscaling.targets.queueDepth: Invalid value: 0: should be greater than or equal to 1",
        ),
        (["azure.csv", "--policy", "a.yaml", "--seed", "x"], "Invalid value for '--seed'"),
    ],
)
def test_what_is_wrong_is_said_with_exit_code_1(run: Run, words: list[str], says: str) -> None:
    policy("c.yaml", TARGETS, autoscaling=None)
    policy("d.yaml", {"queueDepth": 0})
    Path("none.yaml").write_text("{kind: Service, apiVersion: v1, metadata: {name: a}}")
    found = run(*words)
    assert (found.exit_code, says in found.output) == (1, True), found.output


def test_what_takes_longer_than_two_seconds_says_how_far_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PROGRESS_SECONDS", 0.0)
    found = run("azure.csv", "--policy", "a.yaml")
    assert "times as fast as the clock" in found.stderr
    assert "times as fast" not in found.stdout


def test_help_tells_all(run: Run) -> None:
    text = run("--help").output
    assert {"--policy", "--synthetic", "--fail-below", "--seed", "--quota"} <= set(text.split())
    assert all(name in text for name in synthetic.NAMED)


def test_a_picture_of_all_policies_is_written(run: Run) -> None:
    found = run("azure.csv", "--policy", "a.yaml", "--policy", "b.yaml", "--png", "out.png")
    assert found.exit_code == 0, found.output
    assert "written: out.png" in found.stderr
    assert Path("out.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_picture_that_cannot_be_written_is_an_error_that_names_it(run: Run) -> None:
    found = run("azure.csv", "--policy", "a.yaml", "--png", "nowhere/out.png")
    assert found.exit_code == 1
    assert "--png nowhere/out.png: No such file or directory" in found.output


def test_without_matplotlib_nothing_is_played_for_a_picture(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    found = run("azure.csv", "--policy", "a.yaml", "--png", "out.png")
    assert found.exit_code == 1
    assert "--png needs matplotlib: pip install 'llmfleet[plot]'" in found.output
    assert "attained" not in found.output


def test_the_picture_shows_of_each_minute_with_requests_what_was_well_served() -> None:
    slices = (1.0, 0.5, None, None, None, None, *[None] * 6, 0.25)
    outcome = Outcome(5, 0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, (), 1, 0, slices, came=(1, 2, *[0] * 10, 4))
    times, shares = minutes(outcome)
    assert times == [60.0, 130.0]
    assert shares == pytest.approx([200 / 3, 25.0])
