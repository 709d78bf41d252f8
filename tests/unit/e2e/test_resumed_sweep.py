"""A sweep that was broken off goes on where it was, and never with numbers of other rules."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from e2e.bench.autoscaling import command, resumed, suite, sweep
from e2e.bench.autoscaling.resumed import Kept, Rest
from e2e.bench.autoscaling.suite import OURS, Job, Played
from tests.unit.e2e.test_autoscaling_bench import Here, played


def test_a_run_of_a_rival_is_kept_as_it_was_judged(tmp_path: Path) -> None:
    run = played("HPA 8", "C5", 0.95, 6.0, flips=3)
    Kept(tmp_path / "new" / "runs").add(run)
    assert Kept(tmp_path / "new" / "runs").runs == {Job("HPA 8", "C5", 1): run}


def test_what_only_ours_is_judged_by_is_not_kept(tmp_path: Path) -> None:
    run = played("HPA 8", "C5", 0.95, 6.0)
    Kept(tmp_path / "runs").add(replace(run, outcome=replace(run.outcome, slices=(1.0,), came=(3,))))
    assert Kept(tmp_path / "runs").runs == {run.job: run}


def test_ours_is_never_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "runs")
    kept.add(played(OURS, "C5", 0.95, 6.0))
    assert kept.runs == Kept(tmp_path / "runs").runs == {}


def test_a_line_that_was_broken_off_is_played_again_and_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "runs"
    Kept(path).add(played("HPA 8", "C5", 0.95, 6.0))
    path.write_bytes(path.read_bytes()[:-20])
    Kept(path).add(played("HPA 12", "C5", 0.9, 5.0))
    assert set(Kept(path).runs) == {Job("HPA 12", "C5", 1)}


def test_a_rival_depends_on_its_rule_the_cases_and_the_fleet_and_not_on_our_decider() -> None:
    names = {each.name for each in resumed.sources()}
    assert {
        "wva.py",
        "rivals.py",
        "families.py",
        "cases.py",
        "kept_apart.py",
        "suite.py",
        "replica.py",
        "fleet.py",
        "load.py",
    } <= names
    assert "azure_2023_conv.csv.gz" in names
    assert names.isdisjoint({"decide.py", "offered.py", "forecast.py", "keep.py", "judge.py"})


def test_another_rule_begins_another_file(tmp_path: Path) -> None:
    rule, other = tmp_path / "rule.py", tmp_path / "other.py"
    rule.write_text("1")
    other.write_text("2")
    before = resumed.digest([rule, other])
    assert resumed.digest([rule, other]) == before
    rule.write_text("3")
    assert resumed.digest([rule, other]) != before


def test_the_rest_is_told_by_what_the_same_case_took() -> None:
    rest = Rest([], [Job("HPA 8", "C5", 1), Job("HPA 12", "C5", 1), Job(OURS, "C10a", 1, with_fault=False)])
    rest.ended(replace(played("HPA 8", "C5", 0.9, 1.0), speed=100.0))
    assert rest.core_seconds == pytest.approx((2400 + 2700) / 100)
    rest.ended(replace(played(OURS, "C10a without its fault", 0.9, 1.0), speed=50.0))
    assert rest.core_seconds == pytest.approx(24)


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Job]:
    """Two policies on one case, played in no time; the runs that were asked for."""
    made: list[Job] = []

    def play(*job: str) -> Played:
        made.append(Job(*job))  # type: ignore[arg-type] # because it is handed on as it came
        return played(made[-1].policy, made[-1].case, 0.9, 1.0)

    (case,) = suite.chosen(["C5"])
    monkeypatch.setattr(suite, "ProcessPoolExecutor", lambda _: Here())
    monkeypatch.setattr(suite, "cases", lambda: (case,))
    monkeypatch.setattr(suite, "play", play)
    monkeypatch.setattr(command, "policies", lambda _: (OURS, "HPA 8", "HPA 12"))
    monkeypatch.setattr(command, "default_path", lambda: tmp_path / "runs")
    monkeypatch.setattr(sweep, "RESULT", tmp_path / "sweep.json")
    monkeypatch.setattr(sweep, "best", lambda *_: (1.0,))
    return made


def test_a_sweep_that_is_broken_off_plays_only_what_is_left_and_ours(
    plays: list[Job], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arguments = ["--sweep", "--seeds", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(command, "play_all", broken_off)
        assert CliRunner().invoke(command.command, arguments).exit_code == 1
    assert not (tmp_path / "sweep.json").exists()
    plays.clear()
    found = CliRunner().invoke(command.command, arguments)
    assert "2 runs left" not in found.output
    assert "0 runs left, about 0 minutes" in found.output
    assert set(plays) == {Job(OURS, "C5", 1), Job("HPA 12", "C5", 1)}
    assert (tmp_path / "sweep.json").read_text().count("C5") == 3


def broken_off(*arguments: object) -> Iterator[Played]:
    """Ctrl-C after the second run."""
    for number, each in enumerate(suite.play_all(*arguments)):  # type: ignore[arg-type] # because it is handed on as it came
        yield each
        if number == 1:
            raise KeyboardInterrupt
