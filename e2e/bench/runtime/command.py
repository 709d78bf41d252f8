"""``python -m e2e.bench runtime``: one group of rows after the other, in one table."""

import sys
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from e2e.bench import row
from e2e.bench.row import Row
from e2e.cluster import ClusterError, progress
from e2e.cluster.progress import Report
from e2e.stack import KubectlError, NotInTime, bring_up

from . import adapters, startup

Group = Callable[[Report, int | None], tuple[Row, ...]]


def on_the_stack(module_run: Callable[..., tuple[Row, ...]], default_runs: int) -> Group:
    """A group that needs the whole stack."""
    return lambda report, runs: module_run(bring_up(report), report, runs or default_runs)


GROUPS: dict[str, Group] = {
    "startup": on_the_stack(startup.run, 5),
    "adapters": on_the_stack(adapters.run, 6),
}
"""By the word for ``--only``; each takes how often it repeats, None for its own default."""


@click.command("runtime", help=sys.modules["e2e.bench.runtime"].__doc__)
@click.option("--only", type=click.Choice(sorted(GROUPS)), multiple=True, help="This group of rows; may be repeated.")
@click.option("--runs", type=click.IntRange(1, 100), help="How often each group repeats what it measures.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers here.")
def command(only: tuple[str, ...], runs: int | None, json_file: Path | None) -> None:
    """Run the groups; some minutes each."""
    report = progress.choose()
    rows: list[Row] = []
    try:
        for name, group in GROUPS.items():
            if not only or name in only:
                rows += group(report, runs)
    except (ClusterError, KubectlError, NotInTime) as error:
        click.echo(f"bench runtime: {error}", err=True)
        sys.exit(1)
    if json_file:
        row.save("runtime", rows, json_file)
    row.show("runtime", rows, Console())
    sys.exit(0 if row.is_met(rows) else 1)
