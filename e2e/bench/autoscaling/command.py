"""``python -m e2e.bench autoscaling``: ours and its rivals on simulated fleets."""

import os
import sys
from pathlib import Path

import click
from rich.console import Console

from e2e.bench import row

from .judge import judge
from .suite import Played, chosen, play_all, policies


@click.command("autoscaling")
@click.option("--cases", "names", default="", help="Only these, as C1,C5; K1 to K6 are kept apart. Default: all C.")
@click.option("--seeds", type=click.IntRange(1, 10), default=1, show_default=True, help="How many runs of each.")
@click.option("--rivals/--alone", default=True, help="With the rules of other autoscalers, or ours alone.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=os.cpu_count() or 1,
    show_default=True,
    help="Processes side by side.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers here.")
def command(names: str, seeds: int, workers: int, json_file: Path | None, *, rivals: bool) -> None:
    """Size simulated fleets in thirteen cases: attainment, GPU-hours, flips."""  # fmt: skip
    wanted = [each for each in names.split(",") if each]
    try:
        chosen(wanted)
    except KeyError as error:
        raise click.BadParameter(f"there is no case {error}", param_hint="--cases") from error
    played: list[Played] = []
    for each in play_all(wanted, policies(rivals), range(1, seeds + 1), workers):
        played.append(each)
        click.echo(f"{each.policy} {each.case}: {each.outcome.attained:.1%} at {each.outcome.gpu_hours:.2f} GPU-h "
                   f"({each.speed:.0f} times as fast as the clock)", err=True)  # fmt: skip
    rows = judge(played)
    if json_file:
        row.save("autoscaling", rows, json_file)
    row.show("autoscaling", rows, Console())
    sys.exit(0 if row.is_met(rows) else 1)
