"""``llmfleet replay``: today's policy, or another, over what a Prometheus kept."""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.commands.kept import kept_options, looks, source
from llmfleet.commands.policies import Candidate, candidate, of_spec
from llmfleet.core.scaling import recorded, retold
from llmfleet.core.scaling.recorded import WARM_SECONDS
from llmfleet.shell.cluster import ApiServer, api_client
from llmfleet.shell.errors import FleetError
from llmfleet.shell.kinds import OWN
from llmfleet.shell.ports import SourceUnavailable
from llmfleet.shell.preview import next_step


@click.command("replay")
@click.argument("name")
@click.option("--prometheus", "url", required=True, help="A PromQL-compatible server that reads pods and operator.")
@click.option(
    "--policy",
    "files",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="An LLMDeployment with spec.autoscaling instead of the one in the cluster; several are compared.",
)
@kept_options
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
def replay(name: str, namespace: str, since: float, url: str, files: Sequence[Path], **options: Any) -> None:
    """Tell where a policy would have decided otherwise than it was done.

    The decider is the operator's own. It sees the load that was, with the size that was: what another policy would have
    changed, it does not see; `llmfleet simulate` tries that. Sizes come from the operator's metrics where the server
    has them, else from the number of pods. Schedules hold when they would have held. That a fleet could have gone to
    zero is never told: only pods prove that nobody asks, and the server has no word of it.

    A FILE is judged as in `llmfleet simulate`.
    """
    end = time.time()
    try:
        server = source(url, options)
        policies = [candidate(each, end - since) for each in files] or [asyncio.run(_today(namespace, name, end))]
        seen = looks(server, namespace, name, (end - since - WARM_SECONDS, end))
    except (ValueError, OSError, yaml.YAMLError, SourceUnavailable) as error:
        raise click.ClickException(str(error)) from error
    except FleetError as error:
        raise click.ClickException(f"{error}\nNext: {next_step(error)}") from error
    told = [
        retold.replayed(each.name, tuple(recorded.replay(each.timetable.policy, seen, end - since)))
        for each in policies
    ]
    click.echo(json.dumps(retold.document(told), indent=2) if options["output"] == "json" else retold.text(told))


async def _today(namespace: str, name: str, now: float) -> Candidate:
    """The policy of the object in the cluster. Raises FleetError, and ValueError when it has none."""
    client = await api_client()
    try:
        raw = await ApiServer(client).get(OWN, namespace, name)
    finally:
        await client.close()
    if raw is None:
        raise ValueError(
            f"there is no LLMDeployment {namespace}/{name}\nNext: give its namespace with -n, or --policy FILE"
        )
    try:
        found = of_spec(LLMDeployment.parse(raw).spec, f"{namespace}/{name}")
    except ValueError as error:
        raise ValueError(f"{namespace}/{name}: {error}\nNext: give a policy with --policy FILE") from error
    if trouble := found.timetable.trouble(now):
        click.echo(f"as for the operator, these schedules count for nothing: {trouble}", err=True)
    return found
