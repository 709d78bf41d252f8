"""The catalogue holds what it says: known rows, kept results, mutations that can be applied, a page that is current."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.catalogue import plugin
from tests.catalogue.collected import Proof, proving
from tests.catalogue.mutate import GREEN, RED, ROOT, Verdict, judged, mutated, verdicts
from tests.catalogue.rows import Mutation, Row, rows
from tests.catalogue.table import page, printed

ROWS = rows()
MUTATIONS = {name: row.mutation for name, row in ROWS.items() if row.mutation}


def item(*names: str):
    return SimpleNamespace(
        nodeid="tests/unit/test_a.py::test_a", iter_markers=lambda _: [SimpleNamespace(args=names)], user_properties=[]
    )


def test_the_rows_are_those_of_the_three_lists() -> None:
    kinds = {kind: [int(name[1:]) for name in ROWS if name[0] == kind] for kind in "RFS"}
    assert kinds["R"] == list(range(1, 79))
    assert (kinds["F"], kinds["S"]) == (sorted(kinds["F"]), sorted(kinds["S"]))
    assert (kinds["F"][-1], kinds["S"][-1]) == (50, 90)
    assert all(row.says for row in ROWS.values())


def test_a_marker_with_an_unknown_row_fails_the_collection() -> None:
    with pytest.raises(pytest.UsageError, match=r"test_a: R99"):
        plugin.pytest_collection_modifyitems([item("R01", "R99")])


def test_a_marked_test_carries_its_rows_into_its_report() -> None:
    marked, plain = item("R02", "R01"), item()
    plugin.pytest_collection_modifyitems([marked, plain])
    assert (marked.user_properties, plain.user_properties) == ([("proves", ["R01", "R02"])], [])


def report(nodeid: str, outcome: str, when: str = "call", row: str = "R01"):
    properties = [("proves", [row])] if row else []
    return SimpleNamespace(
        nodeid=nodeid, outcome=outcome, when=when, passed=outcome == "passed", user_properties=properties
    )


def test_the_last_result_of_a_marked_test_is_kept_beside_earlier_ones() -> None:
    kept = {plugin.RESULTS: {"a": "failed", "other": "passed"}}
    cache = SimpleNamespace(get=kept.get, set=kept.__setitem__)
    recorder = plugin._Recorder(SimpleNamespace(cache=cache))
    recorder.pytest_runtest_logreport(report("a", "passed", when="setup"))
    recorder.pytest_runtest_logreport(report("a", "passed"))
    recorder.pytest_runtest_logreport(report("b", "failed", when="setup"))
    recorder.pytest_runtest_logreport(report("c", "passed", row=""))
    recorder.pytest_sessionfinish()
    assert kept[plugin.RESULTS] == {"a": "passed", "other": "passed", "b": "failed"}


def test_a_function_is_as_good_as_the_worst_of_its_parameters() -> None:
    marked = {"t.py::a[1]": {"R01"}, "t.py::a[2]": {"R01", "R02"}, "t.py::b": {"R02"}}
    results = {"t.py::a[1]": "passed", "t.py::a[2]": "failed"}
    assert proving("R01", marked, results) == {"t.py::a": "failed"}
    assert proving("R02", marked, results) == {"t.py::a": "failed", "t.py::b": "not run"}


PROOFS = [
    Proof(Row("R01", "it starts"), {"tests/unit/test_a.py::test_it_starts": "passed"}),
    Proof(Row("R02", "it rests")),
    Proof(Row("R03", "it ends"), {"tests/unit/test_a.py::test_it_ends": "failed", "tests/unit/test_a.py::test_b": ""}),
    Proof(Row("R04", "it waits"), {"tests/unit/test_a.py::test_it_waits": "not run"}),
    Proof(Row("F9", "it has no GPU", exempt="needs a GPU")),
]


def test_the_page_shows_rows_and_tests_and_no_results() -> None:
    text = page(PROOFS)
    assert "| R01 | it starts | unit: [it starts](../../tests/unit/test_a.py) |" in text
    assert "| R02 | it rests | **nothing yet** |" in text
    assert "| F9 | it has no GPU | needs a GPU |" in text
    assert "passed" not in text


def test_the_printed_rows_end_with_what_is_missing_and_the_sum() -> None:
    lines = list(printed(PROOFS))
    assert lines[0].split() == ["R01", "passed", "unit", "it", "starts"]
    assert lines[-4:] == [
        "without a test: R02",
        "failed: R03",
        "not run: R04",
        "proved: 3 of 4 (1 more are exempt); by the last results passed 1, failed 1, not run 1, skipped 0",
    ]


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_one_line_that_the_source_has_once(name: str) -> None:
    mutation = MUTATIONS[name]
    assert (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.old) == 1
    assert "\n" not in mutation.old + mutation.new
    assert mutation.old != mutation.new


SOURCE = "ANSWER = 42\nUNUSED = 1\n"
TEST = "test_answer.py::test_it"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "answer.py").write_text(SOURCE)
    (tmp_path / "test_answer.py").write_text("from answer import ANSWER\n\n\ndef test_it():\n    assert ANSWER == 42\n")
    return tmp_path


def run(test: str, tree: Path) -> int:
    """As pytest would judge the test."""
    text = (tree / "answer.py").read_text()
    return 4 if "ANSWER = \n" in text else GREEN if "ANSWER = 42" in text else RED


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        pytest.param("ANSWER = 42", "ANSWER = 43", "", id="seen"),
        pytest.param("UNUSED = 1", "UNUSED = 2", f"{TEST} stays green", id="not seen"),
        pytest.param("ANSWER = 41", "ANSWER = 43", "answer.py has the old line 0 times: ANSWER = 41", id="gone"),
        pytest.param("ANSWER = 42", "ANSWER = ", f"{TEST} did not run (pytest: 4)", id="broken"),
    ],
)
def test_a_mutation_must_turn_its_test_red(tree: Path, old: str, new: str, problem: str) -> None:
    assert mutated(Mutation("answer.py", old, new, TEST), tree, run) == problem
    assert (tree / "answer.py").read_text() == SOURCE


def test_pytest_judges_the_copy(tree: Path) -> None:
    assert judged(TEST, tree) == GREEN
    (tree / "answer.py").write_text("ANSWER = 43\n")
    assert judged(TEST, tree) == RED


def test_a_mutation_is_judged_by_a_test_of_its_row_that_is_green_before(tree: Path) -> None:
    mutation = Mutation("answer.py", "ANSWER = 42", "ANSWER = 43", TEST)
    proved, unproved = Proof(Row("R01", "a", mutation=mutation), {TEST: ""}), Proof(Row("R02", "b", mutation=mutation))
    assert list(verdicts([proved, unproved], tree, run)) == [
        Verdict("R01"), Verdict("R02", f"{TEST} is not among the tests that prove it")
    ]  # fmt: skip
    (tree / "answer.py").write_text("ANSWER = 41\n")
    assert list(verdicts([proved], tree, run)) == [Verdict("R01", f"{TEST} is not green without the mutation")]


def test_the_page_is_current() -> None:
    command = [sys.executable, "-m", "tests.catalogue", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == GREEN, done.stderr
