"""``python -m e2e.bench rivals``: the real HPA controller and KEDA beside our re-implementations; nine minutes.

Each is shown made series on the test cluster; whatever it decides, our rule is asked at the same looks.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from e2e.bench import row
from e2e.bench.control_plane.api import Api
from e2e.bench.row import Row
from e2e.cluster import Cluster, ClusterError, Profile, build, down, find, progress, up
from e2e.cluster.progress import Report

from . import hpa, keda
from .adapter import serving
from .feed import Feed
from .scene import NAMESPACE, Scene
from .series import LOOK_SECONDS, LOOKS, Agreement, Look, Trial, agreement

ALIKE = 99.0
FIRST_SECONDS, PATIENCE_SECONDS = 120.0, 1.5 * LOOKS * LOOK_SECONDS
MIRROR_SECONDS = 0.1
NAMES = ("HPA", "KEDA")


@dataclass(frozen=True)
class Rival:
    """Something that scales, with the series that it is shown."""

    name: str
    trials: Mapping[str, Trial]
    begin: Callable[[Scene, Iterable[str], int], None]
    """(scene, Deployments, port of the adapter); until then nothing of it runs."""


@click.command("rivals", help=(__doc__ or "").partition(": ")[2].partition("\n")[0])
@click.option("--only", type=click.Choice(NAMES), multiple=True, help="Only this one. Repeatable.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers here.")
def command(only: tuple[str, ...], json_file: Path | None) -> None:
    """Let the real ones decide over all series, and count what ours decides alike."""
    report, rows = progress.choose(), list[Row]()
    try:
        found = rivals(only or NAMES, report)
        with borrowed(report) as cluster:
            for each in found:
                rows += judged(each, shown(each, cluster, report))
    except ClusterError as error:
        click.echo(f"bench rivals: {error}", err=True)
        sys.exit(1)
    row.conclude("rivals", rows, json_file)


def rivals(names: Sequence[str], report: Report) -> list[Rival]:
    """Those of these names, ready to run; what is missing is built."""
    found = [Rival("HPA", hpa.TRIALS, hpa.begin)] if "HPA" in names else []
    build.build(Profile.CONTROL, report)  # the API profile is without the controller manager
    if "KEDA" in names:
        found.append(Rival("KEDA", keda.TRIALS, partial(keda.begin, keda.install(report))))
    return found


@contextmanager
def borrowed(report: Report) -> Iterator[Cluster]:
    """The API profile, left as it was found."""
    was_there = find(Profile.API) is not None
    try:
        yield up(Profile.API, report=report)
    finally:
        if not was_there:
            down(Profile.API, report=report)


def shown(rival: Rival, cluster: Cluster, report: Report) -> Mapping[str, Sequence[Look]]:
    """Its looks at each series."""
    with tempfile.TemporaryDirectory() as folder, Scene(cluster, Path(folder)) as scene:
        return asyncio.run(_shown(rival, scene, report))


async def _shown(rival: Rival, scene: Scene, report: Report) -> Mapping[str, Sequence[Look]]:
    feed = Feed(rival.trials, time.monotonic)
    certificate = (scene.pki / "apiserver.crt", scene.pki / "apiserver.key")
    async with serving(feed, *certificate) as port, Api(scene.kubeconfig) as api:
        with report.step(f"{rival.name} is there and looks"):
            await asyncio.to_thread(rival.begin, scene, list(rival.trials), port)
            await _played(feed, scene, api, lambda: feed.is_heard, FIRST_SECONDS)
        feed.begin()
        with report.step(f"{rival.name} decides {LOOKS} times over each of {len(rival.trials)} series"):
            await _played(feed, scene, api, lambda: feed.is_done, PATIENCE_SECONDS)
    return feed.looks


async def _played(feed: Feed, scene: Scene, api: Api, is_over: Callable[[], bool], seconds: float) -> None:
    """Be the Deployments' controller until it is over."""
    deadline = time.monotonic() + seconds
    while not is_over():
        scene.check()
        if time.monotonic() > deadline:
            counts = {name: len(each) for name, each in feed.looks.items()}
            raise ClusterError(
                f"not over within {seconds:.0f} s, looks {counts}: {await asyncio.to_thread(scene.told)}"
            )
        await mirror(api, feed)
        await asyncio.sleep(MIRROR_SECONDS)


async def mirror(api: Api, feed: Feed) -> None:
    """What a Deployment's controller would do of it: as many replicas as are wanted."""
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    for each in (await api.request("GET", path))["items"]:
        name, wanted = each["metadata"]["name"], int(each["spec"]["replicas"])
        if name in feed:
            if wanted != each.get("status", {}).get("replicas"):
                await api.request("PATCH", f"{path}/{name}/status", _status(wanted), "application/merge-patch+json")
            feed.sizes[name] = wanted


def _status(replicas: int) -> dict[str, Any]:
    return {"status": {"replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas}}


def judged(rival: Rival, looks: Mapping[str, Sequence[Look]]) -> tuple[Row, ...]:
    """Decisions alike, for each series and over all."""
    counts = {name: agreement(trial, looks[name][:LOOKS]) for name, trial in rival.trials.items()}
    rows = [
        Row(f"{rival.name}, {name}: looks of which ours decides alike", each.alike,
            f"of {each.decisions}; of its changes {each.changes_alike} of {each.changes}")
        for name, each in counts.items()
    ]  # fmt: skip
    whole = sum(counts.values(), Agreement())
    return (*rows, Row.at_least(f"{rival.name}: decisions that ours makes too", whole.percent, "%", ALIKE))
