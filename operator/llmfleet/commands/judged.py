"""Files judged as the API server would judge them, without asking one. The judge's CEL is an extra."""

from collections.abc import Callable
from typing import Any

import click

from llmfleet.core.world import Raw
from llmfleet.reference import root_schema

Judge = Callable[[dict[str, Any], dict[str, Any], dict[str, Any] | None], list[str]]


def judge(asker: str) -> Judge:
    """The judge. ClickException where its library is missing, which names ``asker``, the option that needs it."""
    try:
        from llmfleet.core.judge import judge as found  # noqa: PLC0415 because its CEL is an extra
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{asker} judges the file by the schema's rules, which takes cel-python: pip install 'llmfleet[plan]'"
        ) from error
    return found


def admit(judge: Judge, raw: Raw, old: Raw | None = None) -> None:
    """ValueError for what the API server would refuse; the status is not for it to judge here.

    ``old`` is the object as it is now, None when it is new.
    """
    told = {name: each for name, each in raw.items() if name != "status"}
    if refusals := judge(root_schema(), told, dict(old) if old else None):
        name, lines = "{namespace}/{name}".format_map(told["metadata"]), "\n  ".join(refusals)
        raise ValueError(f"{name} would be refused by the API server:\n  {lines}\nNext: correct the file")
