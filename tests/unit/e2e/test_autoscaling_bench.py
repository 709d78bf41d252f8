"""Which policies are run on which cases, the cases, and the verdict."""

import json
import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from click.testing import CliRunner

from e2e.bench.autoscaling import faults, suite, sweep
from e2e.bench.autoscaling.cases import Case, cases
from e2e.bench.autoscaling.command import command
from e2e.bench.autoscaling.families import FAMILIES
from e2e.bench.autoscaling.judge import KEPT_APART, attained, flips, hours, judge
from e2e.bench.autoscaling.kept_apart import kept_apart
from e2e.bench.autoscaling.suite import OURS, Played
from e2e.bench.autoscaling.sweep import Rivals
from llmfleet.core.simulation.decider import read
from llmfleet.core.simulation.outcome import Change, Outcome
from llmfleet.settings import Settings
from tests.unit.e2e.test_request_rivals import page


@pytest.mark.parametrize("name", FAMILIES)
def test_each_rival_has_six_targets_its_default_among_them(name: str) -> None:
    family = FAMILIES[name]
    assert len(set(family.targets)) >= 6
    assert family.default in (None, *family.targets)


def test_a_policy_is_made_by_its_name() -> None:
    assert sweep.policies(Rivals.NONE) == (OURS,)
    names = sweep.policies(Rivals.ALL)
    assert len(names) == 1 + 6 * len(FAMILIES)
    assert all(suite.scaler(name, cases()[0].scene).every_seconds > 0 for name in names)


def test_a_mended_form_plays_as_the_one_it_mends_where_every_pod_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple] = []
    monkeypatch.setattr(suite, "ProcessPoolExecutor", lambda _: Here())
    monkeypatch.setattr(suite, "play", lambda *job: made.append(job) or played(job[0], job[1], 0.9, 1.0))
    policies = ("KEDA 2", "KEDA mended 2", "AIBrix mended 10")
    found = [(each.policy, each.case) for each in suite.play_all(["C5", "C10a"], policies, [1], 1)]
    assert found.count(("KEDA mended 2", "C5")) == found.count(("KEDA mended 2", "C10a")) == 1
    assert ("KEDA mended 2", "C5", 1, True) not in made
    assert {job[:2] for job in made if "mended" in job[0]} == {
        ("KEDA mended 2", "C10a"), ("AIBrix mended 10", "C5"), ("AIBrix mended 10", "C10a"),
    }  # fmt: skip


class Here(ThreadPoolExecutor):
    def __init__(self) -> None:
        super().__init__(1)


def test_what_is_kept_apart_is_as_it_was_before_any_tuning() -> None:
    assert (suite.Path(suite.__file__).parent / "kept_apart.sha256").read_text().strip() == suite.frozen()


@pytest.mark.parametrize("case", [*cases(), *kept_apart()], ids=lambda case: case.name)
def test_a_case_has_a_trace_within_its_time(case: Case) -> None:
    arrivals = iter(case.trace(random.Random(1)))
    first = next(arrivals)
    assert 0 <= first.time < 120
    assert first.prompt >= 1
    assert case.scene.seconds >= 1800


FAULTS = {each.name: each for each in cases() if each.scene.fault}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_changes_pages_within_its_time_only(name: str) -> None:
    fault = FAULTS[name].scene.fault
    assert fault is not None
    before, during = [page(0, 1), page(1, 2)], [page(0, 3), page(1, 4)]
    assert list(fault(899, before)) == before
    fault(900, before)
    assert list(fault(1000, during)) != during
    assert list(fault(1260, during)) == during
    read(fault(1100, during))


def test_counters_that_begin_anew_start_at_zero_and_grow() -> None:
    fault = faults.counted_anew()
    assert json.loads(fault(0, [page(0, 1)])[0].text or "")["promptTokens"] == 0
    assert json.loads(fault(5, [page(0, 1)])[0].text or "")["timeToFirstToken"]["buckets"] == [[1.0, 0.0]]


def played(
    policy: str, case: str, attained: float, hours: float, flips: int = 0, recovery: float | None = 100
) -> Played:
    time = 1000.0 if case == "C10a" else 0.0
    changes = tuple(Change(time, 1 + number % 2, 2 - number % 2, "") for number in range(flips + 1))
    outcome = Outcome(100, 0, attained, 1.0, 1.0, 0.1, attained, hours, changes, 3, 0, ())
    return Played(policy, case, 1, outcome, recovery, 900.0, 0.001)


GOOD = [
    played(OURS, "C5", 0.97, 2.0, flips=2),
    played(OURS, "C10a", 0.96, 2.0),
    played(OURS, "C10a without its fault", 0.965, 2.0),
    played("HPA 8", "C5", 0.95, 6.0, flips=8),
    played("HPA 8", "C10a", 0.95, 6.0),
]


def test_the_last_sweep_is_of_all_settings_and_cases_that_there_are() -> None:
    found = sweep.load()
    assert set(found) == set(sweep.policies(Rivals.ALL))
    assert {name for each in found.values() for name in each} == {each.name for each in cases()}


def test_the_best_settings_are_three_of_each_rival() -> None:
    found = sweep.policies(Rivals.BEST)
    assert len(found) == 1 + 3 * len(FAMILIES)
    assert set(found) < set(sweep.policies(Rivals.ALL))


def test_the_forms_of_one_case_count_as_one() -> None:
    forms = [
        played(OURS, f"C10{form}", share, cost, flips=2) for form, share, cost in (("a", 0.6, 4.0), ("b", 0.8, 6.0))
    ]
    all_of_them = [played(OURS, "C5", 0.9, 2.0, flips=4), *forms]
    assert attained(all_of_them) == pytest.approx(80)
    assert (hours(all_of_them), flips(all_of_them)) == (7.0, 6.0)


def test_the_decider_is_judged_at_the_pace_that_is_shipped() -> None:
    assert Settings().autoscale_tick_seconds == suite.TICK_SECONDS


def missed(rows: Iterable) -> set[str]:
    return {row.what for row in rows if row.met is False}


def test_what_is_within_all_limits_is_met() -> None:
    assert missed(judge(GOOD)) == set()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (played(OURS, "C5", 0.92, 2.0), "attained, mean"),
        (played(OURS, "C5", 0.86, 2.0), "attained, worst (C5)"),
        (played(OURS, "C5", 0.97, 8.0), "GPU-hours over the cheapest rival with 89 % and more"),
        (played(OURS, "C5", 0.97, 2.0, flips=9), "flips over the calmest rival with 85 % and more"),
        (played("Knative 10", "C5", 0.97, 3.0, flips=9), "flips over Knative's calmest"),
        (played("Knative 10", "C5", 0.97, 3.0, flips=9), "GPU-hours of the step over Knative's least"),
        (played(OURS, "C5", 0.97, 2.0, recovery=None), "recovery from the step, start-ups"),
        (played(OURS, "C10a without its fault", 0.99, 2.0), "attainment that lost or wrong data cost, worst"),
        (played("HPA 8", "C5", 0.97, 1.0), "cases in which a rival is as good and 5 % cheaper: C5 by HPA 8"),
        (played(OURS, "C10a", 0.96, 2.0, flips=1), "releases while data was lost or wrong"),
        (replace(played(OURS, "C5", 0.97, 2.0), speed=400.0), "simulated seconds per second, slowest case"),
    ],
)
def test_what_is_beyond_a_limit_is_missed(changed: Played, says: str) -> None:
    others = [each for each in GOOD if (each.policy, each.case) != (changed.policy, changed.case)]
    assert says in missed(judge([*others, changed]))


def test_on_cases_that_are_kept_apart_two_points_and_a_seventh_may_be_lost() -> None:
    lost = [played(OURS, "K1", 0.94, 3.4), played(OURS, "K2", 0.94, 3.4), played("HPA 8", "K1", 0.9, 5.6, flips=1)]
    lost.append(played("HPA 8", "K2", 0.9, 5.6, flips=1))
    assert missed(judge(lost)) == {"attained, mean", "GPU-hours over the cheapest rival with 89 % and more"}
    assert missed(judge(lost, KEPT_APART)) == set()


def test_ours_alone_is_judged_by_itself() -> None:
    rows = judge([each for each in GOOD if each.policy == OURS])
    assert not any("rival" in row.what for row in rows)


def test_without_the_case_of_a_step_nothing_is_said_of_one() -> None:
    calm = [each for each in GOOD if each.case != "C5"]
    rows = judge([*calm, played("Knative 10", "C10a", 0.97, 3.0, flips=9)])
    assert not any("step" in row.what for row in rows)


def test_a_case_that_is_not_there_is_said() -> None:
    found = CliRunner().invoke(command, ["--cases", "C99"])
    assert found.exit_code == 2
    assert "there is no case 'C99'" in found.output


@pytest.mark.parametrize(
    "arguments", [["--sweep", "--alone"], ["--sweep", "--kept-apart"], ["--sweep", "--cases", "C1"]]
)
def test_a_sweep_is_of_everything_but_what_is_kept_apart(arguments: list[str]) -> None:
    found = CliRunner().invoke(command, arguments)
    assert found.exit_code == 2
    assert "--sweep" in found.output


def test_one_case_is_run_and_judged_from_the_command_line(tmp_path, monkeypatch) -> None:
    path = tmp_path / "numbers.json"
    monkeypatch.setattr("e2e.bench.autoscaling.command.default_path", lambda: tmp_path / "runs")
    found = CliRunner().invoke(
        command, ["--cases", "C11", "--alone", "--seeds", "1", "--workers", "1", "--json", str(path)]
    )
    assert "reach:" in found.output, found.output
    assert json.loads(path.read_text())["bench"] == "autoscaling"
