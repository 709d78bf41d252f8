"""``poe bench runtime``: what the pod's own program costs, against the plain library or engine in the same run."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from e2e.bench import row
from e2e.bench.row import Row
from e2e.cluster import ClusterError, progress
from e2e.cluster.progress import Report
from e2e.engine.install import InstallError
from e2e.stack import KubectlError, NotInTime, Stack, bring_up

from . import adapters, download, startup

Part = Callable[[Report, int], Sequence[Row]]


def on_the_stack(part: Callable[[Stack, Report, int], Sequence[Row]]) -> Part:
    """A part that needs the test cluster with llmfleet on it."""
    return lambda report, runs: part(bring_up(report), report, runs)


PARTS: dict[str, Part] = {
    "download": download.run,
    "startup": on_the_stack(startup.run),
    "adapters": on_the_stack(adapters.run),
}
"""What can be measured: (progress, how often) -> rows."""


@click.command("runtime", help=__doc__)
@click.option("--runs", type=click.IntRange(1, 100), default=5, show_default=True, help="How often; medians count.")
@click.option("--only", type=click.Choice(sorted(PARTS)), multiple=True, help="Only these parts.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers here.")
def command(runs: int, only: tuple[str, ...], json_file: Path | None) -> None:
    """Run the parts one after the other and judge all their rows together."""
    report = progress.choose()
    try:
        rows = [each for name in only or PARTS for each in PARTS[name](report, runs)]
    except (InstallError, ClusterError, KubectlError, NotInTime) as error:
        click.echo(f"bench runtime: {error}", err=True)
        sys.exit(1)
    row.conclude("runtime", rows, json_file)
