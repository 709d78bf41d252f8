"""Exit codes: 1 is an error, that of the command line included; 2 is an answer of the command's own."""

import click


class WrongUsage(click.UsageError):
    """Wrong usage is an error like any other: click's 2 is left to what a command has to say."""

    exit_code = 1


class Command(click.Command):
    """A command with our exit codes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See click."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise WrongUsage(error.format_message(), error.ctx) from error
