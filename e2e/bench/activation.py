"""From a call to wake a fleet at zero until its Deployment is scaled: many cycles on the control profile.

The pods stay pending, as no node has the bench's mark: a played pod that is ready would answer nothing, and the
operator would wait for it.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from e2e.bench import row
from e2e.bench.control_plane.api import Api
from e2e.bench.control_plane.documents import llmdeployment, object_name
from e2e.bench.control_plane.ledger import Ledger, during, owner_of, writes_of
from e2e.bench.control_plane.operators import Ours
from e2e.bench.control_plane.stage import BENCH_ACCOUNT, Stage
from e2e.bench.control_plane.waiting import until
from e2e.bench.row import Row
from e2e.cluster import ClusterError, Profile, progress, up
from e2e.cluster.progress import Report
from llmfleet.shell.console import WAKE_PATH
from llmfleet.shell.kinds import BY_KIND, OWN
from llmfleet.shell.reach import ask_directly

MOST_MILLISECONDS = 250.0
FLEETS = 5
"""Woken one after the other, then put to sleep together."""
AUTOSCALED = {"replicas": None, "autoscaling": {"minReplicas": 0, "maxReplicas": 4, "targets": {"queueDepth": 4}}}
ASLEEP_BY_HAND = {"replicas": 0, "autoscaling": None}
PATIENCE_SECONDS, CALM_SECONDS = 60.0, 1.5


@click.command("activation", help=(__doc__ or "").partition("\n")[0])
@click.option("--cycles", type=click.IntRange(5, 10_000), default=100, show_default=True, help="How many calls.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers here.")
def command(cycles: int, json_file: Path | None) -> None:
    """Measure, print the table, and exit with 1 when the reach is missed."""
    report = progress.choose()
    try:
        cluster = up(Profile.CONTROL, report=report)
        with tempfile.TemporaryDirectory() as folder, Stage(cluster, report, Path(folder)) as stage:
            seconds, bare = asyncio.run(measure(stage, report, cycles))
    except ClusterError as error:
        click.echo(f"bench activation: {error}", err=True)
        sys.exit(1)
    rows = judged(seconds, bare)
    row.conclude("activation", rows, json_file)


def judged(seconds: list[float], bare: list[float]) -> tuple[Row, ...]:
    """The table of so many calls, and of single writes to the same server between them."""
    what = f"wake call to scale write, {len(seconds)} cycles"
    return (
        Row(f"{what}, p50", 1000 * statistics.median(seconds), "ms"),
        Row.at_most(f"{what}, p99", 1000 * statistics.quantiles(seconds, n=100)[-1], "ms", MOST_MILLISECONDS),
        Row(f"{what}, longest", 1000 * max(seconds), "ms"),
        Row("a single write between them, p50", 1000 * statistics.median(bare), "ms"),
        Row("a single write between them, p99", 1000 * statistics.quantiles(bare, n=100)[-1], "ms"),
    )


async def measure(stage: Stage, report: Report, cycles: int) -> tuple[list[float], list[float]]:
    """Seconds from each call until the API server has answered the write that scales, and of single writes."""
    namespace, ours = stage.namespace("activation"), Ours()
    user = ours.admit(stage, namespace)
    operator = ours.start(stage.folder / "operator.log")
    seconds: list[float] = []
    bare: list[float] = []
    try:
        async with Api(stage.kubeconfig(namespace, BENCH_ACCOUNT)) as api:
            dormitory = Dormitory(api, namespace, Ledger(stage.cluster.audit_log, namespace), user, ours.address)
            await dormitory.fill()
            with report.step(f"{cycles} cycles to zero and back"):
                while len(seconds) < cycles:
                    operator.check()
                    await dormitory.put_to_sleep()
                    for number in range(min(FLEETS, cycles - len(seconds))):
                        bare.append(await dormitory.write())
                        seconds.append(await dormitory.wake(number))
    finally:
        operator.stop()
    return seconds, bare


class Dormitory:
    """Some fleets that are put to sleep and woken."""

    def __init__(self, api: Api, namespace: str, book: Ledger, user: str, operator: str) -> None:
        """``user`` is the operator's, ``operator`` where its listener answers."""
        self._api, self._namespace, self._book = api, namespace, book
        self._user, self._operator = user, operator

    async def fill(self) -> None:
        """Make the fleets, without a replica."""
        for number in range(FLEETS):
            made = llmdeployment(self._namespace, number)
            await self._api.apply({**made, "spec": {**made["spec"], "replicas": 0}})

    async def put_to_sleep(self) -> None:
        """All of them at zero by hand, then autoscaled: what they are at is kept."""
        await self._edit(ASLEEP_BY_HAND)
        await until(lambda: self._all(_is_at_zero), PATIENCE_SECONDS, "fleets at zero", every=0.2)
        await self._edit(AUTOSCALED)
        await until(lambda: self._all(_is_asleep), PATIENCE_SECONDS, "fleets asleep", every=0.2)
        await asyncio.sleep(CALM_SECONDS)  # one that sleeps has been let alone for longer

    async def write(self) -> float:
        """Seconds that one write takes to which nobody has to react."""
        metadata = {"name": "bare", "namespace": self._namespace}
        began = time.time()
        await self._api.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"at": str(began)}}
        )
        return time.time() - began

    async def wake(self, number: int) -> float:
        """Seconds from the call until the write that scales is answered."""
        name, began = object_name(number), time.time()
        path = WAKE_PATH.format(namespace=self._namespace, name=name)
        answer = await ask_directly(self._operator, "POST", path, {"replicas": 1})
        if answer.status != 200:
            raise ClusterError(f"{name} cannot be woken: {answer.document}")

        def scaled() -> list[float]:
            written = writes_of(during(self._book.read(), began), self._user)
            found = [each for each in written if each.resource == "deployments" and owner_of(each.name) == name]
            return [each.answered for each in found if each.code < 300]

        async def is_scaled() -> bool:
            return bool(scaled())

        await until(is_scaled, PATIENCE_SECONDS, f"{name} is scaled", every=0.05)
        return min(scaled()) - began

    async def _edit(self, spec: dict[str, Any]) -> None:
        for number in range(FLEETS):
            await self._api.edit(self._namespace, object_name(number), spec)

    async def _all(self, holds: Any) -> bool:
        path = OWN.path(self._namespace)
        fleets = (await self._api.request("GET", path))["items"]
        sizes = (await self._api.request("GET", BY_KIND["Deployment"].path(self._namespace)))["items"]
        settled = [each for each in sizes if each["spec"]["replicas"] == each["status"].get("replicas", 0) == 0]
        return len(settled) == FLEETS and all(holds(each) for each in fleets)


def _is_at_zero(fleet: dict[str, Any]) -> bool:
    status = fleet.get("status", {})
    return status.get("observedGeneration") == fleet["metadata"]["generation"] and "autoscaling" not in status


def _is_asleep(fleet: dict[str, Any]) -> bool:
    conditions = fleet["status"]["conditions"]
    found = next(each for each in conditions if each["type"] == "ScalingActive")
    return bool(found["reason"] == "ScaledToZero")
