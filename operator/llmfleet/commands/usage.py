"""Exit codes that say something: click's own 2, for wrong usage, becomes 1."""

import click


class WrongUsage(click.UsageError):
    """Wrong usage is an error like any other: a command's 2 is an answer."""

    exit_code = 1


class AnsweringCommand(click.Command):
    """A command whose exit code 2 is an answer."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See click."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise WrongUsage(error.format_message(), error.ctx) from error
