"""``llmfleet replay``: today's policy, or another, over what a Prometheus kept."""

import asyncio
import json
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic import ValidationError

from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.commands.policies import Candidate, candidate
from llmfleet.core.scaling import recorded, retold
from llmfleet.core.scaling.recorded import SIZE, WARM_SECONDS, Look
from llmfleet.core.scaling.series import query
from llmfleet.core.scaling.targets import policy_of
from llmfleet.settings import MetricsSource
from llmfleet.shell.cluster import ApiServer, api_client
from llmfleet.shell.errors import FleetError
from llmfleet.shell.kinds import OWN
from llmfleet.shell.ports import SourceUnavailable
from llmfleet.shell.preview import next_step
from llmfleet.shell.prometheus import Prometheus

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST = 31 * UNITS["d"]
PIECE_SECONDS = 900.0
"""So much is asked for at once: an answer is bounded."""
PROGRESS_SECONDS = 2.0
PATIENCE_SECONDS = 30.0


class Duration(click.ParamType[float]):
    """A number with a unit, such as 24h, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See click."""
        found = re.fullmatch(r"(\d+)([smhd])", str(value))
        seconds = int(found[1]) * UNITS[found[2]] if found else 0
        if not 0 < seconds <= LONGEST:
            self.fail(f"{value!r} is no time from 1s to 31d, such as 90m, 24h or 7d", param, ctx)
        return float(seconds)


@click.command("replay")
@click.argument("name")
@click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of the LLMDeployment.")
@click.option("--since", type=Duration(), default="24h", show_default=True, help="How far to go back: 90m, 24h, 7d.")
@click.option("--prometheus", "url", required=True, help="A PromQL-compatible server that reads pods and operator.")
@click.option(
    "--policy",
    "files",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="An LLMDeployment with spec.autoscaling instead of the one in the cluster; several are compared.",
)
@click.option(
    "--interval", type=click.FloatRange(1, 120), default=15.0, show_default=True, help="Its scrape interval, s."
)
@click.option("--bearer-token-file", default="", help="File with a bearer token for it.")
@click.option("--username", default="", help="User name of basic authentication.")
@click.option("--password-file", default="", help="File with its password.")
@click.option("--ca-file", default="", help="Certificates to trust instead of the system's.")
@click.option("--namespace-label", default="namespace", show_default=True, help="Label with a pod's namespace.")
@click.option("--pod-label", default="pod", show_default=True, help="Label with a pod's name.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
def replay(name: str, namespace: str, since: float, files: Sequence[Path], output: str, **options: Any) -> None:
    """Tell where a policy would have decided otherwise than it was done.

    The decider is the operator's own. It sees the load that was, with the size that was: what another policy would have
    changed, it does not see; `llmfleet simulate` tries that. Sizes come from the operator's metrics where the server
    has them, else from the number of pods.
    """
    try:
        source = _source(options)
        policies = [candidate(each) for each in files] or [asyncio.run(_today(namespace, name))]
        end = time.time()
        seen = _looks(source, namespace, name, (end - since - WARM_SECONDS, end))
    except (ValueError, OSError, yaml.YAMLError, SourceUnavailable) as error:
        raise click.ClickException(str(error)) from error
    except FleetError as error:
        raise click.ClickException(f"{error}\nNext: {next_step(error)}") from error
    if not any(each.samples for each in seen):
        raise click.ClickException(
            f"the server knows no pod of {namespace}/{name} in this time\n"
            "Next: see that it reads the pods' metrics, and that --namespace-label and --pod-label are its labels"
        )
    told = [retold.replayed(each.name, tuple(recorded.replay(each.policy, seen, end - since))) for each in policies]
    click.echo(json.dumps(retold.document(told), indent=2) if output == "json" else retold.text(told))


def _source(options: dict[str, Any]) -> Prometheus:
    members = {key: value for key, value in options.items() if key != "interval"}
    try:
        source = MetricsSource(
            name="replay", interval_seconds=options["interval"], timeout_seconds=PATIENCE_SECONDS, **members
        )
    except ValidationError as error:
        found = (f"--{'-'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ValueError("\n".join(found)) from error
    return Prometheus(source)


async def _today(namespace: str, name: str) -> Candidate:
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
    spec = LLMDeployment.parse(raw).spec
    if spec.autoscaling is None:
        raise ValueError(f"{namespace}/{name} has no spec.autoscaling\nNext: give a policy with --policy FILE")
    return Candidate(f"{namespace}/{name}", policy_of(spec.autoscaling, spec.engine.max_concurrency))


def _looks(source: Prometheus, namespace: str, name: str, span: tuple[float, float]) -> list[Look]:
    """Everything that the server has of the fleet in that time."""
    pods, sizes = [], []
    for end in _pieces(span):
        parameters = {"time": f"{end:.3f}"}
        pods.append(source.ask(query(namespace, name, source.scrape, PIECE_SECONDS), **parameters))
        selected = f'{SIZE}{{namespace="{namespace}",name="{name}"}}[{PIECE_SECONDS:.0f}s]'
        sizes.append(source.ask(selected, **parameters))
    known = recorded.sizes(recorded.joined(sizes))
    return list(recorded.looks(recorded.joined(pods), known, source.scrape, span))


def _pieces(span: tuple[float, float]) -> Iterator[float]:
    """Ends of the pieces that cover it; says how far it is when that takes long."""
    start, last = span
    said, end = time.monotonic(), start
    while end < last:
        end = min(end + PIECE_SECONDS, last)
        yield end
        if time.monotonic() - said >= PROGRESS_SECONDS:
            said = time.monotonic()
            click.echo(f"read {(end - start) / (last - start):.0%}", err=True)
