"""``llmfleet simulate``: what a policy would do with a trace, before it meets users."""

import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import yaml

from llmfleet.commands import timeline
from llmfleet.commands.kept import kept_options, looks, source
from llmfleet.commands.moment import Moment
from llmfleet.commands.policies import Candidate, candidate
from llmfleet.commands.usage import AnsweringCommand
from llmfleet.core.scaling.decide import Policy
from llmfleet.core.scaling.flow import Watch
from llmfleet.core.scaling.timetable import instant
from llmfleet.core.simulation import report, synthetic, trace
from llmfleet.core.simulation.decider import Decider
from llmfleet.core.simulation.fleet import World
from llmfleet.core.simulation.outcome import Promise
from llmfleet.core.simulation.profile import PROFILES
from llmfleet.core.simulation.report import Told
from llmfleet.core.simulation.request import Arrival
from llmfleet.core.simulation.run import Scene
from llmfleet.core.simulation.run import simulate as play
from llmfleet.shell.ports import SourceUnavailable

BELOW = 2
"""Exit code when a policy attains less than was asked for."""
PROGRESS_SECONDS = 2.0
MONDAY = 1_704_067_200.0
"""2024-01-01T00:00:00Z, Unix time: a week begins with second 0."""


@click.command(cls=AnsweringCommand)
@click.argument("trace_file", metavar="[TRACE]", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--synthetic", "shape", type=click.Choice(sorted(synthetic.NAMED)), help="A made trace instead of TRACE.")
@click.option("--prometheus", "url", help="What a PromQL-compatible server kept of the fleet --name, instead of TRACE.")
@click.option("--name", "fleet", default="", help="The LLMDeployment that --prometheus is asked about.")
@kept_options
@click.option(
    "--rate",
    type=click.FloatRange(0.01, 10_000),
    default=9.0,
    show_default=True,
    help="Base rate of a made trace, requests per second.",
)
@click.option(
    "--copies",
    type=click.FloatRange(0.01, 1000),
    default=1.0,
    show_default=True,
    help="How many of a recorded trace come at once; each shifted by up to 15 s.",
)
@click.option(
    "--policy",
    "files",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    required=True,
    help="An LLMDeployment with spec.autoscaling; several are compared.",
)
@click.option(
    "--profile",
    type=click.Choice(sorted(PROFILES)),
    default="8b-a100",
    show_default=True,
    help="The model and GPU of a replica.",
)
@click.option(
    "--startup-seconds",
    type=click.FloatRange(0.1, 7200),
    default=120.0,
    show_default=True,
    help="Mean time from a pod's creation until it serves.",
)
@click.option(
    "--failing-starts",
    type=click.FloatRange(0, 0.95),
    default=0.0,
    show_default=True,
    help="Share of starts that fail and begin again.",
)
@click.option("--quota", type=click.IntRange(1), help="Most GPUs there are. Default: enough.")
@click.option(
    "--initial",
    type=click.IntRange(1, 1000),
    help="Replicas at the start. Default: each policy's minimum then, at least 1.",
)
@click.option(
    "--begin",
    type=Moment(),
    help="When second 0 is, for schedules, as 2026-03-30T08:00:00+02:00. "
    "Default: when it was, with --prometheus; else Monday, 2024-01-01T00:00:00Z.",
)
@click.option(
    "--first-token-ms",
    type=click.FloatRange(1),
    help="What counts as attained. Default: the first policy's target, else 2000.",
)
@click.option(
    "--output-token-ms",
    type=click.FloatRange(1),
    help="The same per token. Default: the first policy's target, else 100.",
)
@click.option(
    "--tick",
    type=click.FloatRange(0.5, 60),
    default=5.0,
    show_default=True,
    help="Seconds between two looks at the load.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same numbers.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
@click.option("--png", type=click.Path(path_type=Path, dir_okay=False), help="Draw all policies into this file.")
@click.option("--fail-below", type=click.FloatRange(0, 100), help="Exit with 2 when a policy attains less, percent.")
def simulate(trace_file: Path | None, shape: str | None, files: Sequence[Path], **options: Any) -> None:
    """Try autoscaling policies on a trace with simulated replicas.

    TRACE is Azure's CSV (TIMESTAMP,ContextTokens,GeneratedTokens) or Mooncake's JSON lines (timestamp, input_length,
    output_length); with --prometheus it is made of what the pods of a fleet counted. The decider is the operator's own
    and sees what simulated pods answer to GET /load. The model of a replica is vLLM's continuous batching with chunked
    prefill, a bounded cache and preemption; its numbers are no promise for your GPUs, but they rank policies.

    A policy that an apply would refuse, or that the operator could not follow, is refused. One in mode Observe is
    played as if it were enforced. Its schedules hold from --begin on. A fleet that may go to zero does so once idle for
    scaleToZeroAfterSeconds; with a metricsSourceName it never does. Nothing holds what comes at zero: it is refused,
    and only a schedule starts the fleet again. GPU-hours and --quota count the GPUs that each replica asks for.

    Exit code 0: done; 1: error; 2: a policy attained less than --fail-below.
    """  # fmt: skip
    if options["png"]:
        timeline.check()
    options["end"] = time.time()
    options["begin"] = _begin(options)
    try:
        candidates = [candidate(each, options["begin"]) for each in files]
        arrivals, seconds = _arrivals(trace_file, shape, options)
    except (ValueError, OSError, yaml.YAMLError, SourceUnavailable) as error:
        raise click.ClickException(str(error)) from error
    for each in candidates:
        _tell_of_gpus(each, options["profile"])
    promise = _promise(candidates[0].timetable.policy(options["begin"]), options)
    told = [_played(each, arrivals, _scene(each, promise, seconds, options), options) for each in candidates]
    click.echo(json.dumps(report.document(told), indent=2) if options["output"] == "json" else report.text(told))
    if options["png"]:
        timeline.saved(told, options["png"])
        click.echo(f"written: {options['png']}", err=True)
    below = options["fail_below"]
    sys.exit(BELOW if below is not None and any(each.outcome.attained * 100 < below for each in told) else 0)


def _begin(options: dict[str, Any]) -> float:
    """Unix time of second 0."""
    given: datetime | None = options["begin"]
    recorded = options["end"] - options["since"] if options["url"] else MONDAY
    return given.timestamp() if given else recorded


def _arrivals(path: Path | None, shape: str | None, options: dict[str, Any]) -> tuple[list[Arrival], float]:
    """The trace, and how long it is."""
    chance = random.Random(options["seed"])  # noqa: S311 because nothing is kept secret by it
    if [path, shape, options["url"]].count(None) != 2:
        raise ValueError("give either a TRACE, --synthetic or --prometheus")
    if options["url"]:
        return _kept(options, chance), options["since"]
    if path is None:
        rate, seconds, variation = synthetic.NAMED[shape or ""]
        found = synthetic.arrivals(rate(options["rate"]), seconds, synthetic.CHAT, chance, variation)
        return list(found), seconds
    with path.open(encoding="utf-8") as stream:
        recorded = trace.read(stream)
    copied = list(trace.scaled(recorded, options["copies"], chance)) if options["copies"] != 1.0 else list(recorded)
    return copied, copied[-1].time + 1.0 if copied else 1.0


def _kept(options: dict[str, Any], chance: random.Random) -> list[Arrival]:
    """What came to a fleet, from the counters of its pods."""
    if not options["fleet"]:
        raise ValueError("--prometheus needs --name, the LLMDeployment whose load is taken")
    server, span = source(options["url"], options), (options["end"] - options["since"], options["end"])
    watch, flows = Watch(), []
    for look in looks(server, options["namespace"], options["fleet"], span):
        flow, watch = watch.look(look.samples, look.time)
        flows += [flow] if flow else []
    return list(trace.scaled(trace.of_flows(flows, chance, span[0]), options["copies"], chance))


def _promise(policy: Policy, options: dict[str, Any]) -> Promise:
    promised = policy.objectives
    first = promised.first_token.seconds if promised and promised.first_token else 2.0
    output = promised.output_token.seconds if promised and promised.output_token else 0.1
    given = options["first_token_ms"], options["output_token_ms"]
    return Promise(*((each / 1000 if each else usual) for each, usual in zip(given, (first, output), strict=True)))


def _tell_of_gpus(candidate: Candidate, profile: str) -> None:
    """Costs are the policy's, speed is the profile's: say where these are of different replicas."""
    if candidate.gpus != PROFILES[profile].gpus:
        told = f"asks for {candidate.gpus} GPUs and computes like one of --profile {profile}, which has"
        click.echo(f"{candidate.name}: a replica {told} {PROFILES[profile].gpus}", err=True)


def _scene(candidate: Candidate, promise: Promise, seconds: float, options: dict[str, Any]) -> Scene:
    world = World(
        PROFILES[options["profile"]],
        startup_seconds=options["startup_seconds"],
        failing_starts=options["failing_starts"],
        quota=options["quota"],
        gpus_per_replica=candidate.gpus,
    )
    least = candidate.timetable.policy(options["begin"]).min_replicas
    return Scene(world, promise, seconds, options["initial"] or max(1, least))


def _played(candidate: Candidate, arrivals: Sequence[Arrival], scene: Scene, options: dict[str, Any]) -> Told:
    chance = random.Random(options["seed"])  # noqa: S311 because nothing is kept secret by it
    progress = _progress(candidate.name, scene.seconds)
    begin, timetable = options["begin"], candidate.timetable
    decider = Decider(lambda now: timetable.policy(begin + now), options["tick"])
    outcome = play(arrivals, scene, decider, chance, progress)
    return Told(candidate.name, outcome, scene.promise, instant(begin) if timetable.autoscaling.schedules else "")


def _progress(name: str, seconds: float) -> Callable[[float], None]:
    """Says on stderr how far it is, for what takes longer than two seconds."""
    began = said = time.monotonic()

    def tell(simulated: float) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= PROGRESS_SECONDS:
            said = now
            text = f"{name}: {simulated / seconds:.0%}, {simulated / (now - began):.0f} times as fast as the clock"
            click.echo(text, err=True)

    return tell
