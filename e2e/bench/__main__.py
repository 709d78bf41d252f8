"""``python -m e2e.bench NAME``: runs one bench, prints its table, exits with 1 when a reach is missed."""

import sys
from pathlib import Path

import click
from rich.console import Console

from e2e.cluster import ClusterError, progress
from e2e.stack import KubectlError, NotInTime, bring_up

from . import drain, rest, row, startup

BENCHES = {"startup": (startup.run, 5), "drain": (drain.run, 20), "rest": (rest.run, 1)}
"""Each with how often it repeats what it measures, unless told otherwise."""


@click.command()
@click.argument("name", type=click.Choice(list(BENCHES)))
@click.option("--runs", type=click.IntRange(1, 100), help="How often; each bench has its own default.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers here.")
def main(name: str, runs: int | None, json_file: Path | None) -> None:
    """Measure what is promised. NAME is startup, drain or rest."""
    bench, default_runs = BENCHES[name]
    report = progress.choose()
    try:
        rows = bench(bring_up(report), report, runs or default_runs)
    except (ClusterError, KubectlError, NotInTime) as error:
        click.echo(f"bench {name}: {error}", err=True)
        sys.exit(1)
    if json_file:
        row.save(name, rows, json_file)
    row.show(name, rows, Console())
    sys.exit(0 if row.is_met(rows) else 1)


if __name__ == "__main__":
    main()
