"""A moment given on the command line."""

from datetime import UTC, datetime
from typing import Any

import click

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Moment(click.ParamType[datetime]):
    """ISO 8601 with a zone, from 1970 to 2199."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """See click."""
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            found = None
        if found is None or found.tzinfo is None or not EARLIEST <= found < LATEST:
            self.fail(f"{value!r} is no time with a zone from 1970 to 2199, such as 2026-03-30T08:00:00Z", param, ctx)
        return found
