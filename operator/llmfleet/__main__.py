"""The command: run the operator, ask it or the cluster, try models and policies, generate what models make."""

import importlib
import sys
from pathlib import Path

import click
from pydantic import ValidationError

from llmfleet import __version__

MODULES = {
    "explain": ("llmfleet.commands.explain", "explain"),
    "fit": ("llmfleet.commands.fit", "fit_command"),
    "quantize": ("llmfleet.commands.quantize", "quantize"),
    "plan": ("llmfleet.commands.plan", "plan"),
    "replay": ("llmfleet.commands.replay", "replay"),
    "simulate": ("llmfleet.commands.simulate", "simulate"),
    "wake": ("llmfleet.commands.wake", "wake"),
}


class Commands(click.Group):
    """Loads a command of its own module, and the libraries it needs, only when asked for it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See click."""
        return sorted([*super().list_commands(ctx), *MODULES])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See click."""
        if cmd_name in MODULES:
            module, name = MODULES[cmd_name]
            found: click.Command = getattr(importlib.import_module(module), name)
            return found
        return super().get_command(ctx, cmd_name)


@click.group(cls=Commands)
@click.version_option(__version__)
def main() -> None:
    """Run fleets of vLLM servers from one Kubernetes resource."""


@main.command()
def run() -> None:
    """Run the operator; settings come from LLMFLEET_* variables."""
    import uvloop  # noqa: PLC0415 because other commands need no cluster libraries
    from pydantic_settings import SettingsError  # noqa: PLC0415 because of the same

    from llmfleet.settings import Settings  # noqa: PLC0415 because of the same
    from llmfleet.shell import log, process  # noqa: PLC0415 because of the same
    from llmfleet.shell.errors import FleetError  # noqa: PLC0415 because of the same
    from llmfleet.shell.run import run as run_operator  # noqa: PLC0415 because of the same

    try:
        settings = Settings()
    except ValidationError as error:
        raise click.ClickException("\n".join(_explained(error))) from error
    except SettingsError as error:
        raise click.ClickException(f"{error}: {error.__cause__}") from error
    log.configure(settings.log_level)
    process.prepare()
    try:
        sys.exit(uvloop.run(run_operator(settings)))
    except FleetError as error:
        raise click.ClickException(str(error)) from error


def _explained(error: ValidationError) -> list[str]:
    """One line a setting: its variable, the value and what is allowed."""
    return [
        f"LLMFLEET_{'_'.join(str(part) for part in each['loc']).upper()}={each['input']!r}: {each['msg']}"
        for each in error.errors()
    ]


@main.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 and name the files that differ.")
@click.option("--root", type=click.Path(path_type=Path, exists=True), default=Path(), help="The repository.")
def generate(*, check: bool, root: Path) -> None:
    """Write the CRD, the field reference and the chart's copies from the models."""
    from llmfleet import generate as generated  # noqa: PLC0415 because the operator's image lacks what it writes

    if check:
        stale = generated.verify(root)
        for each in stale:
            click.echo(each, err=True)
        sys.exit(1 if stale else 0)
    for path in generated.generate(root):
        click.echo(path)


if __name__ == "__main__":
    main()
