"""``python -m e2e.bench NAME``: runs one bench, prints its table, exits with 1 when a reach is missed."""

import sys
from pathlib import Path

import click

from e2e.cluster import ClusterError, progress
from e2e.stack import KubectlError, NotInTime, bring_up

from . import activation, drain, objective, quantize, rest, row, startup
from .autoscaling import command as autoscaling
from .control_plane import command as control_plane
from .decisions import command as decisions
from .fidelity import command as fidelity
from .fit import command as fit
from .rivals import command as rivals
from .runtime import command as runtime

BENCHES = {
    "startup": (startup.run, 5),
    "drain": (drain.run, 20),
    "rest": (rest.run, 1),
    "objective": (objective.run, 1),
}
"""Each with how often it repeats what it measures, unless told otherwise."""
ALONE = (control_plane, decisions, fidelity, fit, quantize, autoscaling, activation, rivals, runtime)
"""Those that bring what they need themselves."""


def on_the_stack(name: str) -> click.Command:
    """The command of a bench that needs the whole stack."""
    bench, default_runs = BENCHES[name]

    @click.command(name, help=sys.modules[bench.__module__].__doc__)
    @click.option("--runs", type=click.IntRange(1, 100), default=default_runs, show_default=True, help="How often.")
    @click.option(
        "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers here."
    )
    def command(runs: int, json_file: Path | None) -> None:
        report = progress.choose()
        try:
            rows = bench(bring_up(report), report, runs)
        except (ClusterError, KubectlError, NotInTime) as error:
            click.echo(f"bench {name}: {error}", err=True)
            sys.exit(1)
        row.conclude(name, rows, json_file)

    return command


main = click.Group(
    commands=[*map(on_the_stack, BENCHES), *(each.command for each in ALONE)],
    help="Measure what is promised; one bench a run.",
)


if __name__ == "__main__":
    main()
