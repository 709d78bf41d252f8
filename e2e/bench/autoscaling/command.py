"""``python -m e2e.bench autoscaling``: ours and its rivals on simulated fleets."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from e2e.bench import row

from . import sweep
from .families import FAMILIES
from .judge import KEPT_APART, NONE, judge
from .kept_apart import kept_apart
from .resumed import Kept, Rest, default_path
from .suite import Played, chosen, frozen, jobs, play_all
from .sweep import Rivals, policies


@click.command("autoscaling")
@click.option("--cases", "names", default="", help="Only these, as C1,C5. Default: all but those kept apart.")
@click.option("--seeds", type=click.IntRange(1, 10), default=3, show_default=True, help="How many runs of each.")
@click.option("--alone", is_flag=True, help="Ours without its rivals, of each of which three settings are run.")
@click.option(
    "--sweep",
    "is_sweep",
    is_flag=True,
    help="Every setting of every rival; keeps the result. Takes hours.",
)
@click.option("--kept-apart", "is_apart", is_flag=True, help="The cases that no constant was ever chosen by.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=os.cpu_count() or 1,
    show_default=True,
    help="Processes side by side.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers here.")
def command(names: str, seeds: int, workers: int, json_file: Path | None, **which: bool) -> None:
    """Size simulated fleets in thirteen cases: attainment, GPU-hours, flips.

    What was broken off goes on where it was, and rivals are played again only after a change that concerns them.
    """
    alone, is_sweep, is_apart = (which[each] for each in ("alone", "is_sweep", "is_apart"))
    wanted = _cases(names, is_apart=is_apart, is_whole=is_sweep)
    if is_sweep and alone:
        raise click.UsageError("--sweep is about the rivals; leave out --alone")
    rivals = Rivals.NONE if alone else Rivals.ALL if is_sweep else Rivals.BEST
    played = _played(wanted, policies(rivals), range(1, seeds + 1), workers)
    if is_sweep:
        found = sweep.numbers(played)
        sweep.save(found, range(1, seeds + 1))
        best = (f"{name}: best {sweep.best(found, name)}" for name in FAMILIES)
        click.echo("\n".join((*sweep.closest(found), *best)))
    row.conclude("autoscaling", judge(played, KEPT_APART if is_apart else NONE), json_file)


def _cases(names: str, *, is_apart: bool, is_whole: bool) -> list[str]:
    """Names of the cases that were asked for; none is all."""
    wanted = [each for each in names.split(",") if each]
    if wanted and (is_apart or is_whole):
        raise click.UsageError("--sweep and --kept-apart run whole sets; leave out --cases")
    if is_apart and is_whole:
        raise click.UsageError("--sweep is not run on what is kept apart: its best settings would be chosen by it")
    try:
        chosen(wanted)
    except KeyError as error:
        raise click.BadParameter(f"there is no case {error}", param_hint="--cases") from error
    if is_apart:
        click.echo(f"kept apart as frozen: sha256 {frozen()}", err=True)
        return [each.name for each in kept_apart()]
    return wanted


def _played(names: Sequence[str], of: Sequence[str], seeds: Sequence[int], workers: int) -> list[Played]:
    """Runs of rivals that an earlier bench or sweep kept are not played again; ours always is."""
    kept = Kept(default_path())
    known = dict(kept.runs)
    rest = Rest(names, (job for job in jobs(names, of, seeds) if job not in known))
    click.echo(f"{len(rest.jobs)} runs, kept in {kept.path} as they end: the same command goes on from there", err=True)
    played: list[Played] = []
    for each in play_all(names, of, seeds, workers, known):
        played.append(each)
        kept.add(each)
        if each.job in rest.jobs:
            rest.ended(each)
            left = f"{len(rest.jobs)} runs left, about {rest.core_seconds / workers / 60:.0f} minutes"
            click.echo(f"{_told(each)}; {left}", err=True)
    return played


def _told(played: Played) -> str:
    outcome = played.outcome
    return (f"{played.policy} {played.case}: {outcome.attained:.1%} at {outcome.gpu_hours:.2f} GPU-h "
            f"({played.speed:.0f} times as fast as the clock)")  # fmt: skip
