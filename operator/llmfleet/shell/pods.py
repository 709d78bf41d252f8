"""HTTP to the runtime in the pods: status and load, read-only, bounded in time and number."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import ValidationError

from llmfleet.core.pods import PodView
from llmfleet.core.scaling.sample import Sample, sample
from llmfleet.core.world import Report
from llmfleet.shell.page import Pages
from llmfleet_runtime.contract import LOAD_PATH, STATUS_PATH, STATUS_PORT, Document, LoadReport, RuntimeStatus

D = TypeVar("D", bound=Document)
TIMEOUT_SECONDS = 2.0
MOST_AT_ONCE = 256
MOST_LATE_AT_ONCE = 16
TRIES = 30


class RuntimeClient:
    """Reads pods by their address; whatever goes wrong is an absent answer.

    A pod that gave no answer in time is asked for its load beside the looks until it gives one, so that it holds up
    one look and no more, and takes no other pod's place.
    """

    def __init__(self, port: int = STATUS_PORT) -> None:
        """Call inside a running loop. Pods of the fleet all listen on the contract's port."""
        self._pages = Pages(port)
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._late_slots = asyncio.Semaphore(MOST_LATE_AT_ONCE)
        self._late: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Give up the pods that are late, and end all connections."""
        late = tuple(self._late.values())
        for each in late:
            each.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        self._pages.close()

    async def reports(self, pods: Sequence[PodView]) -> Mapping[str, Report]:
        """See ``ports.Pods``."""
        answered = await asyncio.gather(*(self._report(pod) for pod in pods))
        return {pod.uid: report for pod, report in zip(pods, answered, strict=True)}

    async def samples(self, pods: Sequence[PodView]) -> tuple[Sample, ...]:
        """See ``ports.Pods``."""
        loads = await asyncio.gather(*(self._load(pod) for pod in pods))
        return tuple(sample(load, pod.uid) for load, pod in zip(loads, pods, strict=True))

    async def _report(self, pod: PodView) -> Report:
        status = await self._get(pod, STATUS_PATH, RuntimeStatus)
        load = await self._get(pod, LOAD_PATH, LoadReport) if status else None  # one that is silent is not asked twice
        return Report(status, load.in_flight if load else None, load.idle_seconds if load else None)

    async def _load(self, pod: PodView) -> LoadReport | None:
        if pod.uid in self._late:
            return None
        try:
            return await self._ask(pod, LOAD_PATH, LoadReport, self._slots)
        except TimeoutError:
            self._late.setdefault(pod.uid, asyncio.create_task(self._until_prompt(pod)))
            return None

    async def _until_prompt(self, pod: PodView) -> None:
        """Ask again until an answer, whatever it is, comes in time; a pod that never does is then a usual one again."""
        try:
            for _ in range(TRIES):
                try:
                    await self._ask(pod, LOAD_PATH, LoadReport, self._late_slots)
                except TimeoutError:
                    continue
                return
        finally:
            self._late.pop(pod.uid, None)

    async def _get(self, pod: PodView, path: str, document: type[D]) -> D | None:
        try:
            return await self._ask(pod, path, document, self._slots)
        except TimeoutError:
            return None

    async def _ask(self, pod: PodView, path: str, document: type[D], slots: asyncio.Semaphore) -> D | None:
        """None for an answer that is none; TimeoutError, counted from when its turn came, when there is none."""
        async with slots:
            found = await self._pages.get(pod.address, path, TIMEOUT_SECONDS) if pod.address else None
        try:
            return document.model_validate_json(found) if found else None
        except ValidationError:
            return None
