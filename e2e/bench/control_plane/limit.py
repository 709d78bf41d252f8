"""The limit: a bare loader that applies the same documents over four connections. It watches and decides nothing."""

import asyncio
import time
from datetime import UTC, datetime
from functools import partial

from e2e.cluster.progress import Report

from . import documents, ledger
from .api import Api, side_by_side
from .ledger import Ledger
from .measured import Measured
from .waiting import served, until


async def load(api: Api, book: Ledger, namespace: str, report: Report, measured: Measured) -> None:
    """Apply objects, then their children and two statuses each; fill ``measured``.

    Rendering the children is not the server's work: it is done in between, and its time is not counted.
    """
    count = measured.objects
    with report.step(f"limit: {count} objects become ready"):
        begin = time.time()
        accepted: list[documents.Document] = []

        async def create(number: int) -> None:
            accepted.append(await api.apply(documents.llmdeployment(namespace, number)))

        await side_by_side(partial(create, number) for number in range(count))
        rendering = time.time()
        works = [(raw, await asyncio.to_thread(documents.children, raw)) for raw in accepted]
        rendered = time.time() - rendering
        await side_by_side(partial(_provide, api, raw, children) for raw, children in works)
        await until(partial(served, api, namespace, count), 120 + count, "all Deployments ready", every=0.2)
        end = time.time()
    ready = ledger.last_answer(ledger.during(book.read(), begin, end), "deployments/status")
    measured.served_seconds = (ready or end) - begin - rendered


async def _provide(api: Api, raw: documents.Document, children: list[documents.Document]) -> None:
    """Everything of one object, in an operator's order."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251 because the loader stands for an operator
    for child in children:
        await api.apply(child)
    identity = {"name": raw["metadata"]["name"], "namespace": raw["metadata"]["namespace"]}
    for ready in (0, documents.REPLICAS):
        whole = {"apiVersion": raw["apiVersion"], "kind": raw["kind"], "metadata": identity}
        await api.apply(whole | {"status": documents.status(raw, ready, now)}, "status")
