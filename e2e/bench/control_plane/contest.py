"""One contestant after the other, each in a fresh namespace of one cluster."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import Cluster
from e2e.cluster.progress import Report

from .api import Api
from .documents import REPLICAS
from .ledger import Ledger
from .limit import load
from .measured import Measured
from .operators import contestants
from .phases import Part
from .stage import BENCH_ACCOUNT, Stage

LIMIT = "limit"
NAMES = (*contestants(), LIMIT)


@dataclass(frozen=True)
class Extent:
    """How much is done: number of objects, seconds of churn and at rest."""

    objects: int
    churn_seconds: float
    rest_seconds: float


def run(cluster: Cluster, report: Report, chosen: Sequence[str], extent: Extent) -> Iterator[dict[str, Measured]]:
    """The columns measured so far, after each of the chosen ones. Raises ClusterError.

    Whatever ends the run, nothing of it stays in the cluster.
    """
    # A polite kill is answered like Ctrl-C: with cleaning up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="llmfleet-bench-"))
    report.say(f"logs are in {folder}; load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    columns: dict[str, Measured] = {}
    with Stage(cluster, report, folder) as stage:
        stage.make_room(2 * extent.objects * REPLICAS)
        for name in chosen:
            namespace = stage.namespace(name)
            measured = Measured(extent.objects)
            asyncio.run(_measure(stage, report, namespace, name, measured, extent))
            columns[name] = measured
            yield columns
            stage.clear(namespace)


async def _measure(stage: Stage, report: Report, namespace: str, name: str, measured: Measured, extent: Extent) -> None:
    book = Ledger(stage.cluster.audit_log, namespace)
    async with Api(stage.kubeconfig(namespace, BENCH_ACCOUNT)) as api:
        if name == LIMIT:
            await load(api, book, namespace, report, measured)
            return
        contestant = contestants()[name]
        user = contestant.admit(stage, namespace)
        log = stage.folder / f"{name}.log"
        bench_user = f"system:serviceaccount:{namespace}:{BENCH_ACCOUNT}"
        part = Part(contestant, namespace, user, bench_user, api, book, report, log, measured)
        await part.play(extent.churn_seconds, extent.rest_seconds, is_doubled=name == "ours")
