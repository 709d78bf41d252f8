"""``poe bench control-plane``: its options, its table, its verdict."""

import sys
from pathlib import Path

import click
from rich.console import Console

from e2e.bench import row
from e2e.cluster import ClusterError, Profile, progress, up

from . import measured
from .contest import NAMES, Extent, run
from .measured import Measured


@click.command("control-plane")
@click.option("--objects", type=click.IntRange(2, 5000), default=1000, show_default=True, help="LLMDeployments.")
@click.option(
    "--churn-seconds", type=click.FloatRange(2, 3600), default=600, show_default=True, help="Length of churn."
)
@click.option("--rest-seconds", type=click.FloatRange(1, 3600), default=60, show_default=True, help="Length of rest.")
@click.option("--only", type=click.Choice(NAMES), multiple=True, help="Measure only this one. Repeatable.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers here.")
def command(
    objects: int, churn_seconds: float, rest_seconds: float, only: tuple[str, ...], json_file: Path | None
) -> None:
    """Measure the operator over many objects, beside two Kopf operators and the limit of the API server."""
    report, columns, trouble = progress.choose(), dict[str, Measured](), ""
    try:
        cluster = up(Profile.CONTROL, report=report)
        for columns in run(cluster, report, only or NAMES, Extent(objects, churn_seconds, rest_seconds)):
            if json_file:
                measured.save(columns, measured.reach(columns), json_file)
    except (ClusterError, KeyboardInterrupt) as error:
        trouble = str(error) or "interrupted"
        click.echo(f"bench control-plane: {trouble}", err=True)
    rows, console = measured.reach(columns), Console()
    if columns:  # an hour's work: what was measured is shown whatever ended it
        measured.show(columns, console)
    row.show("control-plane", rows, console)
    sys.exit(0 if not trouble and row.is_met(rows) else 1)
