"""``llmfleet plan``: what applying a file would do, before it is applied."""

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import click
import yaml

from llmfleet import names
from llmfleet.commands import judged
from llmfleet.commands.documents import objects, placed
from llmfleet.commands.usage import AnsweringCommand
from llmfleet.core import preview
from llmfleet.core.admission import REFUSING
from llmfleet.core.preview import Preview
from llmfleet.core.remedy import correction
from llmfleet.core.world import Observed, Raw
from llmfleet.settings import Settings
from llmfleet.shell.clock import SystemClock
from llmfleet.shell.cluster import ApiServer, api_client
from llmfleet.shell.defaults import defaults_of
from llmfleet.shell.errors import FleetError
from llmfleet.shell.preview import next_step, online, operator_settings

SAME, DIFFERENT = 0, 2
"""Exit codes; 1 is an error, that of the command line included."""
NONE = "-"
Look = tuple[Observed, Raw | None]


@click.command(cls=AnsweringCommand)
@click.option(
    "-f", "--filename", type=click.File(encoding="utf-8"), required=True, help="The manifests; - reads stdin."
)
@click.option("-n", "--namespace", default="default", help="Namespace of objects that name none.")
@click.option("--children", default=None, help="Ask no cluster: objects from this YAML file, - for none.")
@click.option("--operator-namespace", default="llmfleet-system", help="Where the operator runs, for its settings.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
def plan(filename: TextIO, namespace: str, children: str | None, operator_namespace: str, output: str) -> None:
    """Show what applying LLMDeployments would do: actions, revisions, rollout, unavailability, and the diff.

    What the API server would refuse is refused in its words: by a dry run, or with --children by the schema of this
    version and its rules, for which pip install 'llmfleet[plan]'.

    Exit code 0: nothing would change; 2: something would; 1: error. Nothing is written, no Secret is read.
    """
    try:
        files, settings = _files(filename, namespace), Settings()
        if children:
            looks, found = _offline(files, children), None
        else:
            looks, found = asyncio.run(_online(files, operator_namespace))
    except (ValueError, OSError, yaml.YAMLError) as error:  # a settings' ValidationError among them
        raise click.ClickException(str(error)) from error
    except FleetError as error:
        raise click.ClickException(f"{error}\nNext: {next_step(error)}") from error
    _show([_preview(look, found or settings, is_local=found is None) for look in looks], output)


def _files(stream: TextIO, namespace: str) -> list[Raw]:
    files = [placed(each, namespace) for each in objects(stream) if each["kind"] == names.KIND]
    if not files:
        raise ValueError(f"{stream.name} has no {names.KIND}: give a manifest of apiVersion {names.API_VERSION}")
    return files


def _preview(look: Look, settings: Settings, *, is_local: bool) -> Preview:
    """``is_local`` tells that the settings are not the operator's own, but variables here."""
    observed, old = look
    if observed.invalid:
        raise click.ClickException(f"{observed.invalid}\nNext: correct the file; nothing was changed")
    defaults = replace(defaults_of(settings), inspection_timeout_seconds=0.0)  # as if the model were as it should be
    sources = [each.name for each in settings.metrics_sources]
    found = preview.preview(observed, old, defaults, SystemClock().rfc3339(), sources)
    for each in found.plan.blocked:
        if each.reason in REFUSING:
            step = correction(each.reason, settings.namespace, is_local=is_local)
            raise click.ClickException(f"{found.key}: {each.reason}: {each.message}\nNext: {step}")
    return found


def _show(found: Sequence[Preview], output: str) -> None:
    if output == "json":
        click.echo(json.dumps([preview.document(each) for each in found], indent=2))
    else:
        click.echo("\n\n".join(preview.text(each) for each in found))
    sys.exit(DIFFERENT if any(each.changes for each in found) else SAME)


def _offline(files: Iterable[Raw], children: str) -> list[Look]:
    listed: list[dict[str, Any]] = []
    if children != NONE:
        with Path(children).open(encoding="utf-8") as stream:
            listed = objects(stream)
    looks, judge = [preview.offline(each, listed) for each in files], judged.judge("--children")
    for observed, old in looks:
        judged.admit(judge, observed.raw, old)
    return looks


async def _online(files: Iterable[Raw], operator_namespace: str) -> tuple[list[Look], Settings | None]:
    client = await api_client()
    try:
        api = ApiServer(client)
        found = await operator_settings(api, operator_namespace)
        if found is None:
            click.echo(f"no operator found in namespace {operator_namespace}: its settings are taken from LLMFLEET_* "
                       "variables here", err=True)  # fmt: skip
        return [await online(api, each) for each in files], found
    finally:
        await client.close()
