"""`python -m e2e.cluster`: up, down, status, logs."""

import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click
from rich.console import Console
from rich.table import Table

from e2e.cluster import layout, lifecycle, processes, progress
from e2e.cluster.cluster import Cluster
from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import Profile

P = ParamSpec("P")
_PROFILES = click.Choice([profile.value for profile in Profile])


def _sentences(command: Callable[P, None]) -> Callable[P, None]:
    """End with a sentence, not a traceback, on what the user can do something about."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ClusterError as error:
            click.echo(str(error), err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("Interrupted: `up` starts anew, `down` takes away what was started.", err=True)
            sys.exit(130)

    return guarded


@click.group()
def main() -> None:
    """Run a real Kubernetes on this machine, for tests."""


@main.command()
@click.option("--profile", type=_PROFILES, default=Profile.FULL.value, show_default=True)
@click.option(
    "--engine-path",
    "engine_paths",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Host path that every container sees read-only, such as the engine's environment. Repeatable.",
)
@_sentences
def up(profile: str, engine_paths: tuple[Path, ...]) -> None:
    """Start the cluster, building what is missing."""
    paths = tuple(path.absolute() for path in engine_paths)
    cluster = lifecycle.up(Profile(profile), binds=paths, report=progress.choose())
    click.echo(f"export KUBECONFIG={cluster.kubeconfig} PATH={cluster.bin}:$PATH")


@main.command()
@click.option("--profile", type=_PROFILES, default=None, help="Only this one; without it, all.")
@_sentences
def down(profile: str | None) -> None:
    """Take the cluster away and leave the machine as it was."""
    lifecycle.down(Profile(profile) if profile else None, report=progress.choose())


@main.command()
@_sentences
def status() -> None:
    """Show what runs, since when, and with how much memory."""
    table = Table("profile", "component", "pid", "memory", "up")
    for profile in Profile:
        for process in sorted(processes.running(layout.run_dir(profile)), key=lambda p: (p.component, p.pid)):
            memory, age = _usage(process.pid)
            table.add_row(profile, process.component, str(process.pid), f"{memory} MiB", f"{age:.0f} s")
        cluster = lifecycle.find(profile)
        table.add_row(profile, f"ready: {cluster.kubeconfig}" if cluster else "not running")
    Console().print(table)


@main.command()
@click.argument("component", required=False)
@click.option("--profile", type=_PROFILES, default=Profile.FULL.value, show_default=True)
@click.option("--lines", default=20, show_default=True, help="Lines of each component.")
@_sentences
def logs(component: str | None, profile: str, lines: int) -> None:
    """Show the end of each component's log, or of one."""
    folder = Cluster(Profile(profile)).run_dir / "logs"
    files = sorted(folder.glob(f"{component or '*'}.log"))
    if not files:
        raise ClusterError(f"No logs of {component or 'anything'} in {folder}.")
    for file in files:
        click.secho(f"── {file}", bold=True)
        click.echo("\n".join(file.read_text(errors="replace").splitlines()[-lines:]))


def _usage(pid: int) -> tuple[int, float]:
    """Resident memory in MiB and age in seconds."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        started = Path(f"/proc/{pid}").stat().st_ctime
    except OSError:
        return 0, 0.0
    return pages * 4096 // 2**20, time.time() - started


if __name__ == "__main__":
    main()
