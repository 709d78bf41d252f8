"""The catalogue as people read it: a table for the terminal, one for the repository."""

from collections import Counter
from collections.abc import Iterable, Iterator

from tests.catalogue.collected import NOT_RUN, Proof

HEAD = """# The catalogue

What must hold, and the tests that prove it. A test names its rows with `@pytest.mark.proves("R05")`; an entry of the
CRD's case files names its row as `row: S3`. The rows stand in `rows.toml`.

`poe catalogue` writes this page and prints the rows with the last result of each test. `poe catalogue --mutate
[ROW...]` changes one line of a copy of the source for each row that names one, and fails where its test stays green.
"""


def page(proofs: Iterable[Proof]) -> str:
    """The page of the repository: rows and tests, no results."""
    each = list(proofs)
    lines = [HEAD, "| row | what must hold | proved by |", "|---|---|---|"]
    lines += [f"| {proof.row.id} | {proof.row.says} | {_links(proof)} |" for proof in each]
    return "\n".join([*lines, "", _sum(each), ""])


def _links(proof: Proof) -> str:
    if not proof.tests:
        return proof.row.exempt or "**nothing yet**"
    return "<br>".join(f"{test.split('/')[1]}: [{_name(test)}](../../{test.split('::')[0]})" for test in proof.tests)


def _name(test: str) -> str:
    return test.rsplit("::", maxsplit=1)[-1].removeprefix("test_").replace("_", " ")


def printed(proofs: Iterable[Proof]) -> Iterator[str]:
    """Lines for the terminal, the rows without a test once more at the end."""
    each = list(proofs)
    for proof in each:
        state = proof.result or ("exempt" if proof.row.exempt else "NO TEST")
        yield f"{proof.row.id:<4} {state:<8} {', '.join(proof.levels) or '-':<22} {proof.row.says}"
        yield from (f"       {result:<8} {test}" for test, result in proof.tests.items())
        if proof.row.exempt and not proof.tests:
            yield f"       {proof.row.exempt}"
    yield f"without a test: {', '.join(proof.row.id for proof in each if _is_open(proof)) or 'none'}"
    for result in ("failed", "not run", "skipped"):
        found = [proof.row.id for proof in each if proof.result == result]
        yield from [f"{result}: {', '.join(found)}"] if found else []
    yield f"{_sum(each)}; by the last results {_results(each)}"


def _results(proofs: list[Proof]) -> str:
    """Rows by the worst of their tests: a mark says what a test is about, only its result that it holds."""
    found = Counter(proof.result for proof in proofs)
    return ", ".join(f"{result} {found[result]}" for result in ("passed", "failed", NOT_RUN, "skipped"))


def _is_open(proof: Proof) -> bool:
    return not proof.tests and not proof.row.exempt


def _sum(proofs: list[Proof]) -> str:
    wanted = [proof for proof in proofs if not proof.row.exempt]
    exempt = len(proofs) - len(wanted)
    return f"proved: {sum(bool(proof.tests) for proof in wanted)} of {len(wanted)} ({exempt} more are exempt)"
