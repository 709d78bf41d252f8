"""The rows and the parts of the control plane bench that need no cluster."""

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from e2e.bench import row
from e2e.bench.control_plane import command, measured, phases, process, stage, waiting
from e2e.bench.control_plane.api import side_by_side
from e2e.bench.control_plane.measured import Measured
from e2e.cluster import ClusterError
from llmfleet.api.v1alpha1 import Spec

OURS = Measured(
    objects=10,
    served_seconds=1.8,
    reported_seconds=2.0,
    cpu_seconds=0.16,
    creation_writes={"patch deployments": 60, "patch llmdeployments/status": 20},
    edits_missed=0,
    reaction_p99=0.5,
    churn_writes={"patch configmaps": 10},
    burst_writes={"patch configmaps": 10},
    last_edit_won=True,
    rest_writes={},
    restart_seconds=2.0,
    restart_writes={"patch llmdeployments/status": 3, "create events": 1},
    doubled_restart_seconds=5.0,
    base_bytes=80_000_000,
    created_bytes=200_000_000,
    rested_bytes=210_000_000,
    most_bytes=300 * 2**20,
    restart_bytes=81_100_000,
)
PEER = Measured(objects=10, served_seconds=2.34, creation_writes={"create services": 188})
LIMIT = Measured(objects=10, served_seconds=1.2)


def judged(ours: Measured, **others: Measured) -> dict[str, bool | None]:
    return {each.what: each.met for each in measured.reach({"ours": ours, **others})}


def test_every_limit_itself_is_within_reach() -> None:
    verdicts = judged(OURS, peer=PEER, limit=LIMIT)
    assert set(verdicts.values()) == {True}
    assert len(verdicts) == 16


@pytest.mark.parametrize(
    ("worse", "missed"),
    [
        ({"creation_writes": {"patch deployments": 81}}, "writes at creation per object"),
        ({"rest_writes": {"patch configmaps": 1}}, "writes at rest, the Lease aside"),
        ({"cpu_seconds": 0.17}, "operator CPU per object created"),
        ({"reaction_p99": 0.51}, "edit → write p99"),
        ({"edits_missed": 1}, "edits that no write followed"),
        ({"restart_seconds": 6.1, "doubled_restart_seconds": 9}, "restart: all adopted"),
        ({"doubled_restart_seconds": 5.1}, "restart with twice as many over that"),
        ({"restart_writes": {"patch configmaps": 1}}, "writes to children at the restart"),
        ({"restart_bytes": 81_200_000}, "memory per object over base"),
        ({"most_bytes": 300 * 2**20 + 1}, "most memory through creation, churn and rest"),
        ({"most_bytes": None}, "most memory through creation, churn and rest"),
        ({"rested_bytes": 210_000_001}, "memory after churn and rest over that after creation"),
        ({"created_bytes": None}, "memory after churn and rest over that after creation"),
        ({"burst_writes": {"patch configmaps": 11}}, "writes for 200 edits of one object"),
        ({"last_edit_won": False}, "the last of them won"),
        ({"reaction_p99": None}, "edit → write p99"),
    ],
)
def test_each_promise_can_be_missed_alone(worse: dict[str, object], missed: str) -> None:
    assert [what for what, met in judged(replace(OURS, **worse)).items() if not met] == [missed]


@pytest.mark.parametrize(
    ("slower", "missed"),
    [
        ({"reported_seconds": 2.1}, ["objects/s over the loader's"]),
        ({"served_seconds": 1.81}, ["Deployments ready/s over the peer's"]),
    ],
)
def test_the_loader_is_held_against_statuses_and_the_peer_against_deployments(
    slower: dict[str, float], missed: list[str]
) -> None:
    verdicts = judged(replace(OURS, **slower), peer=PEER, limit=LIMIT)
    assert [what for what, met in verdicts.items() if not met] == missed


def test_more_than_half_of_the_peers_writes_is_a_miss() -> None:
    verdicts = judged(OURS, peer=replace(PEER, creation_writes={"create services": 187}), limit=LIMIT)
    assert [what for what, met in verdicts.items() if not met] == [
        "writes of creation, churn and restart over the peer's"
    ]


def test_without_ours_nothing_is_judged() -> None:
    assert measured.reach({"limit": LIMIT}) == ()


def test_the_table_has_a_column_each_and_blanks_for_what_was_not_measured() -> None:
    out = StringIO()
    measured.show({"ours": OURS, "limit": LIMIT}, Console(file=out, width=120))
    text = out.getvalue()
    assert "control plane, 10 objects" in text
    assert "80 = 8.00 each" in text
    assert measured.cell(LIMIT, "creation_writes") == ""
    assert (measured.cell(OURS, "last_edit_won"), measured.cell(OURS, "base_bytes")) == ("yes", "80.0")


def test_numbers_are_saved_for_programs(tmp_path: Path) -> None:
    columns = {"ours": OURS}
    measured.save(columns, measured.reach(columns), tmp_path / "numbers.json")
    saved = json.loads((tmp_path / "numbers.json").read_text())
    assert (saved["met"], saved["columns"]["ours"]["objects"]) == (True, 10)
    assert row.verdict(measured.reach(columns)) == "reach: 13 of 13 met"


@pytest.mark.parametrize(
    ("ended", "said"), [(KeyboardInterrupt(), "interrupted"), (ClusterError("peer ended with 1"), "peer ended with 1")]
)
def test_what_was_measured_before_the_end_is_shown_and_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: BaseException, said: str
) -> None:
    def run(*_: object) -> Iterator[dict[str, Measured]]:
        yield {"ours": OURS}
        raise ended

    monkeypatch.setattr(command, "up", lambda *_, **__: None)
    monkeypatch.setattr(command, "run", run)
    answer = CliRunner().invoke(command.command, ["--json", str(tmp_path / "numbers.json")])
    assert answer.exit_code == 1
    assert said in answer.output
    assert "reach: 13 of 13 met" in answer.output
    assert json.loads((tmp_path / "numbers.json").read_text())["columns"]["ours"]["objects"] == 10


def test_processor_time_is_read_behind_a_name_with_blanks() -> None:
    ticks = process.TICKS_PER_SECOND
    stat = f"7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 {2 * ticks} {ticks} 0 0"
    assert process.cpu_seconds(stat) == 3.0


def test_the_high_water_mark_and_what_is_held_are_in_bytes() -> None:
    status = "Name:\tx\nVmHWM:\t  12 kB\nVmRSS:\t 9 kB\n"
    assert process.memory_bytes(status, "VmHWM") == 12 * 1024
    assert process.memory_bytes(status, "VmRSS") == 9 * 1024
    with pytest.raises(LookupError, match="VmHWM"):
        process.memory_bytes("Name:\tx\n", "VmHWM")


def test_a_process_is_measured_and_stopped(tmp_path: Path) -> None:
    running = process.Running(["sleep", "60"], dict(os.environ), tmp_path / "log")
    assert running.is_alive
    assert 0 < running.resident_bytes() <= running.high_water_bytes()
    assert process.Busy(running, window=0.0).look() < 60
    running.stop()
    with pytest.raises(ClusterError, match="log"):
        running.cpu_seconds()


def test_a_thousand_objects_are_ready_when_each_row_says_so() -> None:
    rows = [["a", "3/3"], ["b", "2/2"], ["c", "2/3"], ["d", "0/0"]]
    assert waiting.are_complete(rows, 2)
    assert not waiting.are_complete(rows, 3)


def test_each_edit_of_the_churn_changes_something_that_the_schema_allows() -> None:
    now: dict[str, dict[str, object]] = {}
    for number in range(7 * 12):
        name, spec = phases.edit(number, 7)
        before = now.setdefault(name, {"model": {"uri": "file:///m"}, "replicas": 3})
        after = before | spec
        assert after != before
        Spec.model_validate(after)
        now[name] = after


def test_nodes_of_the_bench_take_its_pods_alone() -> None:
    made = stage.node("n")
    assert made["spec"]["taints"][0]["key"] in made["metadata"]["labels"]
    assert made["status"]["allocatable"]["nvidia.com/gpu"] == made["status"]["capacity"]["pods"] == "100"


async def test_jobs_run_side_by_side_up_to_the_number_given() -> None:
    running, most = 0, 0

    async def job() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1

    await side_by_side(partial(job) for _ in range(20))
    assert (most, running) == (4, 0)
