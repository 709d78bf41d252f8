"""``llmfleet explain``: why a fleet has the size it has, as a story, as JSON and as a picture."""

import asyncio
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click

from llmfleet.commands import picture
from llmfleet.commands.kept import Duration, kept, server_options, source
from llmfleet.core.explain import retraced
from llmfleet.core.explain.account import Account, NotAutoscaled, from_status, since
from llmfleet.core.explain.story import story
from llmfleet.core.scaling.felt import JUDGED_SECONDS
from llmfleet.core.world import observe
from llmfleet.shell.clock import SystemClock
from llmfleet.shell.cluster import ApiServer, api_client
from llmfleet.shell.console import ACCOUNT_PATH, LONGEST_SECONDS
from llmfleet.shell.errors import FleetError, Refused
from llmfleet.shell.kinds import OWN
from llmfleet.shell.ports import SourceUnavailable
from llmfleet.shell.reach import Answer, ask, ask_directly

LONGEST_DAYS = int(LONGEST_SECONDS // 86_400)
LOOK_AGAIN_SECONDS = 5.0
CLEAR = "\x1b[H\x1b[2J"
WIDEST = 120


@dataclass(frozen=True)
class Place:
    """Which fleet, and how its operator is reached."""

    name: str
    namespace: str
    operator_namespace: str
    context: str | None
    operator: str | None


@click.command()
@click.argument("name")
@click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of the LLMDeployment.")
@click.option(
    "--since",
    "seconds",
    type=Duration(LONGEST_DAYS),
    default="1h",
    show_default=True,
    help="How far back: 30m, 24h, 2d.",
)
@click.option("--watch", is_flag=True, help="Tell it again every five seconds, until Ctrl-C.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
@click.option("--picture/--no-picture", "is_drawn", default=None, help="Charts, too. Default: in a terminal.")
@click.option("--png", type=click.Path(path_type=Path, dir_okay=False), help="Write the charts to this file.")
@click.option("--operator-namespace", default="llmfleet-system", show_default=True, help="Where the operator runs.")
@click.option("--context", default=None, help="The kubeconfig's context. Default: the current one.")
@click.option("--operator", metavar="URL", default=None, help="Ask the operator here, without a port-forward.")
@click.option(
    "--prometheus", metavar="URL", help="A PromQL-compatible server that reads pods and operator: ask it, too."
)
@server_options
def explain(seconds: float, watch: bool, output: str, is_drawn: bool | None, png: Path | None, **options: Any) -> None:  # noqa: FBT001 because click passes flags by name
    """Tell what was decided about the size of the LLMDeployment NAME, from which numbers, and what would change it.

    The last ten decisions come from the status. Times, loads and what else was decided come from the memory of the
    operator that leads, which its restart ends; it is asked by a port-forward under your own rights, as llmfleet wake
    is, and left out where you may not. With --prometheus, points and sizes of the time before come from what that
    server kept; of a decision it has the rule, and no numbers.
    """
    chosen = Place(**{each.name: options[each.name] for each in fields(Place)})
    complete = _completion(options["prometheus"], options, seconds)
    for account in map(complete, _accounts(chosen, seconds, is_repeated=watch)):
        if output == "json":
            click.echo(account.model_dump_json(by_alias=True, exclude_none=True, indent=None if watch else 2))
        else:
            click.echo((CLEAR if watch and sys.stdout.isatty() else "") + _page(account, seconds, is_drawn))
        if png:
            picture.saved(account, png)
            click.echo(f"written: {png}", err=True)


def _accounts(place: Place, seconds: float, *, is_repeated: bool) -> Iterator[Account]:
    """One, or one after the other until Ctrl-C."""
    while True:
        try:
            yield asyncio.run(_account(place, seconds))
        except (FleetError, NotAutoscaled) as error:
            raise click.ClickException(f"{place.namespace}/{place.name}: {error}") from error
        if not is_repeated:
            return
        try:
            time.sleep(LOOK_AGAIN_SECONDS)
        except KeyboardInterrupt:
            return


async def _account(place: Place, seconds: float) -> Account:
    """From the operator where it can be asked, else from the status; the account says which. Raises FleetError."""
    path = f"{ACCOUNT_PATH.format(namespace=place.namespace, name=place.name)}?seconds={seconds:.0f}"
    if place.operator:
        return _read(await ask_directly(place.operator, "GET", path))
    client = await api_client(place.context)
    try:
        api = ApiServer(client)
        raw = await api.get(OWN, place.namespace, place.name)
        if raw is None:
            raise Refused("there is no LLMDeployment of that name", HTTPStatus.NOT_FOUND)
        own = since(from_status(observe({**raw, "kind": OWN.kind}, (), ()), SystemClock().rfc3339()), seconds)
        try:
            return _read(await ask(api, place.operator_namespace, "GET", path))
        except FleetError as error:
            words = f"nothing of the operator's memory, as the operator could not be asked ({error})"
            return own.model_copy(update={"sources": (*own.sources, words)})
    finally:
        await client.close()


def _completion(url: str | None, options: dict[str, Any], seconds: float) -> Callable[[Account], Account]:
    """What adds to an account what the server kept, or that it could not be asked."""
    if url is None:
        return lambda account: account
    where = f"the Prometheus at {url}"
    try:
        server = source(url, options)
    except ValueError as error:
        raise click.ClickException(str(error)) from error

    def completed(account: Account) -> Account:
        end = datetime.fromisoformat(account.now).timestamp()
        try:
            found = kept(server, account.namespace, account.name, (end - seconds - JUDGED_SECONDS, end))
        except SourceUnavailable as error:
            return retraced.said(account, f"nothing of {where}, as it could not be asked ({error})")
        return since(retraced.completed(account, found, seconds, where), seconds)

    return completed


def _read(answer: Answer) -> Account:
    if answer.status != HTTPStatus.OK:
        raise Refused(str(answer.document.get("message", answer.document)), answer.status)
    return Account.model_validate(answer.document)


def _page(account: Account, seconds: float, is_drawn: bool | None) -> str:  # noqa: FBT001 because click passes flags by name
    text, is_terminal = story(account, seconds), sys.stdout.isatty()
    if is_drawn is False or (is_drawn is None and not is_terminal):
        return text
    width = min(WIDEST, shutil.get_terminal_size().columns)
    try:
        return f"{picture.drawn(account, width, has_colours=is_terminal)}\n{text}"
    except ImportError as error:
        if is_drawn:
            raise click.ClickException(f"--picture needs plotext: {picture.NEXT}") from error
        return text
