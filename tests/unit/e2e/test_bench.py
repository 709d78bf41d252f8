"""The benches' verdicts."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from e2e.bench import row, startup
from e2e.bench.row import Row

MET = Row.at_most("a", 1.0, "s", 2)
MISSED = Row.at_least("b", 1.0, "", 2)
SHOWN = Row("c", 3.0, "MiB")


@pytest.mark.parametrize(
    ("rows", "line", "met"),
    [
        ((MET, SHOWN), "reach: 1 of 1 met", True),
        ((MET, MISSED, SHOWN), "reach: 1 of 2 met", False),
        ((SHOWN,), "reach: 0 of 0 met", True),
    ],
)
def test_the_last_line_counts_what_was_judged(rows: tuple[Row, ...], line: str, *, met: bool) -> None:
    out = StringIO()
    row.show("name", rows, Console(file=out, width=100))
    assert out.getvalue().splitlines()[-1] == line
    assert row.is_met(rows) is met


@pytest.mark.parametrize(("rows", "code"), [((MET, SHOWN), 0), ((MET, MISSED), 1)])
def test_a_bench_ends_with_its_table_its_numbers_and_its_verdict(
    tmp_path: Path, rows: tuple[Row, ...], code: int
) -> None:
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        row.conclude("name", rows, tmp_path / "numbers.json", Console(file=out, width=100))
    assert ended.value.code == code
    assert out.getvalue().splitlines()[-1].startswith("reach: 1 of ")
    assert json.loads((tmp_path / "numbers.json").read_text())["met"] is (code == 0)


def test_a_limit_itself_is_within_reach() -> None:
    assert (Row.at_most("a", 2, "", 2).met, Row.at_least("a", 2, "", 2).met) == (True, True)


def test_numbers_are_saved_for_programs(tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    row.save("name", (MET, MISSED), path)
    saved = json.loads(path.read_text())
    assert saved["met"] is False
    assert saved["rows"][0] == {"what": "a", "measured": 1.0, "unit": "s", "reach": "at most 2", "met": True}


def test_startup_compares_medians() -> None:
    rows = startup.judge([10.0, 11.5, 90.0], [10.0, 10.0, 10.0])
    assert rows[-1] == Row("llmfleet / by hand", 1.15, "", "at most 1.15", met=True)


def test_config_maps_are_found_in_projected_volumes_too() -> None:
    plain = {"name": "a", "configMap": {"name": "one"}}
    projected = {"name": "b", "projected": {"sources": [{"configMap": {"name": "two"}}, {"secret": {"name": "no"}}]}}
    assert [source["name"] for volume in (plain, projected) for source in startup.config_maps_of(volume)] == [
        "one",
        "two",
    ]
