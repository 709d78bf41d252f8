"""``python -m e2e.bench rivals``: Kubernetes' own HPA controller beside our re-implementation; five minutes.

The controller of the test cluster's Kubernetes looks every two seconds instead of every fifteen, and all times of the
HPAs are shorter by as much. It asks an adapter for made series; whatever it decides, our rule is asked at the same
looks. KEDA hands its number to the same controller.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from e2e.bench import row
from e2e.bench.control_plane.api import Api
from e2e.bench.row import Row
from e2e.cluster import ClusterError, Profile, down, find, progress, up
from e2e.cluster.progress import Report

from .adapter import Adapter
from .scene import Scene
from .series import LOOKS, SERIES, agreement

ALIKE = 99.0
LOOK_SECONDS = 2.0
TIME_SCALE = 15.0 / LOOK_SECONDS
"""The controller looks every 15 s unless told otherwise."""
PATIENCE_SECONDS = 2.5 * LOOKS * LOOK_SECONDS
MIRROR_SECONDS = 0.1


@click.command("rivals", help=(__doc__ or "").partition(": ")[2].partition("\n")[0])
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers here.")
def command(json_file: Path | None) -> None:
    """Let the real controller decide over all series, and count what ours decides alike."""
    report = progress.choose()
    was_there = find(Profile.API) is not None
    try:
        cluster = up(Profile.API, report=report)
        with Scene(cluster, SERIES, LOOK_SECONDS, TIME_SCALE) as scene:
            adapter = asyncio.run(watched(scene, report))
        if not was_there:
            down(Profile.API, report=report)
    except ClusterError as error:
        click.echo(f"bench rivals: {error}", err=True)
        sys.exit(1)
    rows = judged(adapter)
    if json_file:
        row.save("rivals", rows, json_file)
    row.show("rivals", rows, Console())
    sys.exit(0 if row.is_met(rows) else 1)


async def watched(scene: Scene, report: Report) -> Adapter:
    """Play the Deployments' controller until every series has been asked for to its end."""
    adapter = Adapter({f"{name}-load": name for name in SERIES})
    runner, port = await adapter.serve(*scene.certificate)
    try:
        await asyncio.to_thread(scene.begin, port)
        async with Api(scene.kubeconfig) as api, asyncio.timeout(PATIENCE_SECONDS):
            with report.step(f"the HPA controller decides {LOOKS} times over each of {len(SERIES)} series"):
                while not adapter.is_done:
                    scene.check()
                    await mirror(api, scene.namespace, adapter)
                    await asyncio.sleep(MIRROR_SECONDS)
    except TimeoutError as error:
        asked = min(map(len, adapter.looks.values()))
        raise ClusterError(f"the controller asked {asked} times in {PATIENCE_SECONDS:.0f} s: {scene.log()}") from error
    finally:
        await runner.cleanup()
    return adapter


async def mirror(api: Api, namespace: str, adapter: Adapter) -> None:
    """What a Deployment's controller would do of it: as many replicas as are wanted."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    for each in (await api.request("GET", path))["items"]:
        name, wanted = each["metadata"]["name"], int(each["spec"]["replicas"])
        if wanted != each.get("status", {}).get("replicas"):
            await api.request("PATCH", f"{path}/{name}/status", _status(wanted), "application/merge-patch+json")
        adapter.sizes[name] = wanted


def _status(replicas: int) -> dict[str, Any]:
    return {"status": {"replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas}}


def judged(adapter: Adapter) -> tuple[Row, ...]:
    """Decisions alike, for each series and over all."""
    counts = {name: agreement(looks[:LOOKS], TIME_SCALE) for name, looks in adapter.looks.items()}
    rows = [Row(f"{name}: decisions alike", alike, f"of {count}") for name, (alike, count) in counts.items()]
    alike, count = (sum(each) for each in zip(*counts.values(), strict=True))
    return (*rows, Row.at_least("decisions of the HPA controller that ours makes too", 100 * alike / count, "%", ALIKE))
