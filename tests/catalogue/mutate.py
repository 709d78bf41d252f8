"""One line of a copy of the source changed: the row's test must turn red."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.catalogue.collected import Proof
from tests.catalogue.rows import Mutation

ROOT = Path(__file__).resolve().parents[2]
GREEN, RED = 0, 1
"""Pytest's exit codes; any other means that the test did not run."""
Run = Callable[[str, Path], int]


@dataclass(frozen=True)
class Verdict:
    """What became of one row's mutation; ``problem`` is empty when its test turned red."""

    row: str
    problem: str = ""


def copied(to: Path) -> None:
    """Copy what git tracks, and what it would."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, to / name)


def verdicts(proofs: Iterable[Proof], tree: Path, run: Run) -> Iterator[Verdict]:
    """One verdict for each row with a mutation, in turn; ``tree`` is a copy that may be changed."""
    green: dict[str, bool] = {}
    for proof in proofs:
        if proof.row.mutation is None:
            continue
        test = proof.row.mutation.test
        if test not in proof.tests:
            yield Verdict(proof.row.id, f"{test} is not among the tests that prove it")
            continue
        if test not in green:
            green[test] = run(test, tree) == GREEN
        problem = mutated(proof.row.mutation, tree, run) if green[test] else f"{test} is not green without the mutation"
        yield Verdict(proof.row.id, problem)


def mutated(mutation: Mutation, tree: Path, run: Run) -> str:
    """The problem with one mutation, empty when its test turned red; the tree is as before."""
    path = tree / mutation.file
    source = path.read_text(encoding="utf-8") if path.is_file() else ""
    if source.count(mutation.old) != 1:
        return f"{mutation.file} has the old line {source.count(mutation.old)} times: {mutation.old}"
    path.write_text(source.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        status = run(mutation.test, tree)
    finally:
        path.write_text(source, encoding="utf-8")
    if status == RED:
        return ""
    return f"{mutation.test} stays green" if status == GREEN else f"{mutation.test} did not run (pytest: {status})"


def judged(test: str, tree: Path) -> int:
    """Pytest's exit code; the copy's packages come first, for child processes as well; no bytecode is kept."""
    paths = os.pathsep.join(str(tree / part) for part in ("operator", "runtime", "."))
    environment = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "GIT_DIR": str(ROOT / ".git")}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly"]
    command += ["--hypothesis-seed=0", test]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, check=False).returncode
