"""Options that name a PromQL-compatible server, and what it kept of a fleet."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import click
from pydantic import ValidationError

from llmfleet.core.explain.retraced import OPERATORS, Kept
from llmfleet.core.scaling import recorded
from llmfleet.core.scaling.recorded import SIZE, Look
from llmfleet.core.scaling.series import query
from llmfleet.settings import MetricsSource
from llmfleet.shell.prometheus import Prometheus

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_DAYS = 31
PIECE_SECONDS = 900.0
"""So much is asked for at once: an answer is bounded."""
PROGRESS_SECONDS = 2.0
PATIENCE_SECONDS = 30.0


class Duration(click.ParamType[float]):
    """A number with a unit, such as 24h, in seconds."""

    name = "duration"

    def __init__(self, longest_days: int) -> None:
        """Longer ones are refused."""
        self._days = longest_days

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See click."""
        found = re.fullmatch(r"(\d+)([smhd])", str(value))
        seconds = int(found[1]) * UNITS[found[2]] if found else 0
        if not 0 < seconds <= self._days * UNITS["d"]:
            self.fail(f"{value!r} is no length of time up to {self._days}d, such as 90s, 30m, 24h or 2d", param, ctx)
        return float(seconds)


WHICH = (
    click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of the LLMDeployment."),
    click.option(
        "--since",
        type=Duration(LONGEST_DAYS),
        default="24h",
        show_default=True,
        help="How far to go back, as 90m, 24h, 7d.",
    ),
)
SERVER = (
    click.option(
        "--interval",
        type=click.FloatRange(1, 120),
        default=15.0,
        show_default=True,
        help="The server's scrape interval, s.",
    ),
    click.option("--bearer-token-file", default="", help="File with a bearer token for the server."),
    click.option("--username", default="", help="User name of basic authentication."),
    click.option("--password-file", default="", help="File with its password."),
    click.option("--ca-file", default="", help="Certificates to trust instead of the system's."),
    click.option("--namespace-label", default="namespace", show_default=True, help="Label with a pod's namespace."),
    click.option("--pod-label", default="pod", show_default=True, help="Label with a pod's name."),
)
SIGN_IN = ("bearer_token_file", "username", "password_file", "ca_file", "namespace_label", "pod_label")


def kept_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add them to a command that has ``--prometheus``, with the fleet's namespace and the time."""
    return _with(command, *WHICH, *SERVER)


def server_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add those of the server alone."""
    return _with(command, *SERVER)


def _with(command: Callable[..., None], *options: Callable[..., Any]) -> Callable[..., None]:
    for option in reversed(options):
        command = option(command)
    return command


def source(url: str, options: dict[str, Any]) -> Prometheus:
    """The server. Raises ValueError with the option."""
    members = {name: options[name] for name in SIGN_IN}
    try:
        found = MetricsSource(
            name="history", url=url, interval_seconds=options["interval"], timeout_seconds=PATIENCE_SECONDS, **members
        )
    except ValidationError as error:
        said = (f"--{'-'.join(map(str, each['loc'])) or 'prometheus'}: {each['msg']}" for each in error.errors())
        raise ValueError("\n".join(said)) from error
    return Prometheus(found)


def kept(server: Prometheus, namespace: str, name: str, span: tuple[float, float]) -> Kept:
    """Everything that the server has of the fleet in that time, Unix times. Raises ``SourceUnavailable``."""
    own = f'{{__name__=~"{"|".join(OPERATORS)}",namespace="{namespace}",name="{name}"}}[{PIECE_SECONDS:.0f}s]'
    pods, operator = [], []
    for end in _pieces(span):
        parameters = {"time": f"{end:.3f}"}
        pods.append(server.ask(query(namespace, name, server.scrape, PIECE_SECONDS), **parameters))
        operator.append(server.ask(own, **parameters))
    return Kept(recorded.joined(pods), recorded.joined(operator), server.scrape)


def looks(server: Prometheus, namespace: str, name: str, span: tuple[float, float]) -> list[Look]:
    """The fleet in that time, look by look; ValueError where the server knows no pod of it."""
    known = kept(server, namespace, name, span)
    found = list(recorded.looks(known.pods, recorded.sizes(known.named(SIZE)), server.scrape, span))
    if not any(each.samples for each in found):
        raise ValueError(
            f"the server knows no pod of {namespace}/{name} in this time\n"
            "Next: see that it reads the pods' metrics, and that --namespace-label and --pod-label are its labels"
        )
    return found


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
