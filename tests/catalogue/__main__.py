"""``poe catalogue``: print the rows with their tests and results, and write the page."""

import sys
import tempfile
from pathlib import Path

import click

from tests.catalogue import mutate
from tests.catalogue.collected import Proof, proofs
from tests.catalogue.rows import rows
from tests.catalogue.table import page, printed

PAGE = Path(__file__).with_name("README.md")


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the page is out of date.")
@click.option("--mutate", "mutating", is_flag=True, help="Change one line for each row; its test must turn red.")
@click.argument("names", nargs=-1, metavar="[ROW]...")
def main(*, check: bool, mutating: bool, names: tuple[str, ...]) -> None:
    """What must hold, the tests that prove it, and their last results."""
    known = rows()
    if unknown := [name for name in names if name not in known]:
        raise click.UsageError(f"no such row: {', '.join(unknown)}")
    found, problem = proofs(known)
    chosen = [proof for name, proof in found.items() if not names or name in names]
    if mutating:
        sys.exit(_mutate(chosen))
    for line in () if check else printed(chosen):
        click.echo(line)
    if problem:
        raise click.ClickException(f"not all tests could be collected; the page stays as it is:\n{problem}")
    if stale := [name for name, proof in found.items() if proof.row.exempt and proof.tests]:
        raise click.ClickException(f"proved although exempt: {', '.join(stale)}; take the exemption out of rows.toml")
    if check:
        sys.exit(_check(page(found.values())))
    PAGE.write_text(page(found.values()), encoding="utf-8")


def _check(text: str) -> int:
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    click.echo("tests/catalogue/README.md is out of date: run `poe catalogue` and commit the result", err=True)
    return 1


def _mutate(chosen: list[Proof]) -> int:
    with tempfile.TemporaryDirectory(prefix="catalogue-") as folder:
        mutate.copied(Path(folder))
        found = []
        for verdict in mutate.verdicts(chosen, Path(folder), mutate.judged):
            found.append(verdict)
            click.echo(f"{verdict.row:<4} {verdict.problem or 'red, as it must be'}")
    bad = [verdict for verdict in found if verdict.problem]
    without = [proof.row.id for proof in chosen if proof.tests and proof.row.mutation is None]
    click.echo(f"proved, and without a mutation: {', '.join(without) or 'none'}")
    click.echo(f"red: {len(found) - len(bad)} of {len(found)}")
    return 1 if bad or not found else 0


if __name__ == "__main__":
    main()
