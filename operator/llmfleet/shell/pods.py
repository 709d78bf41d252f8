"""HTTP to the runtime in the pods: status and load, read-only, bounded in time and number."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeVar

import aiohttp
from pydantic import ValidationError

from llmfleet.core.pods import PodView
from llmfleet.core.scaling.sample import Sample, sample
from llmfleet.core.world import Report
from llmfleet_runtime.contract import LOAD_PATH, STATUS_PATH, STATUS_PORT, Document, LoadReport, RuntimeStatus

D = TypeVar("D", bound=Document)
TIMEOUT_SECONDS = 2.0
MOST_AT_ONCE = 64
LARGEST_PAGE_BYTES = 65_536


class RuntimeClient:
    """Reads pods by their address; whatever goes wrong is an absent answer."""

    def __init__(self, port: int = STATUS_PORT) -> None:
        """Call inside a running loop. Pods of the fleet all listen on the contract's port."""
        self._port = port
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
            connector=aiohttp.TCPConnector(limit=MOST_AT_ONCE, force_close=True),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def reports(self, pods: Sequence[PodView]) -> Mapping[str, Report]:
        """See ``ports.Pods``."""
        answered = await asyncio.gather(*(self._report(pod) for pod in pods))
        return {pod.uid: report for pod, report in zip(pods, answered, strict=True)}

    async def samples(self, pods: Sequence[PodView]) -> tuple[Sample, ...]:
        """See ``ports.Pods``."""
        loads = await asyncio.gather(*(self._get(pod, LOAD_PATH, LoadReport) for pod in pods))
        return tuple(sample(load, pod.uid) for load, pod in zip(loads, pods, strict=True))

    async def _report(self, pod: PodView) -> Report:
        status = await self._get(pod, STATUS_PATH, RuntimeStatus)
        load = await self._get(pod, LOAD_PATH, LoadReport) if status else None  # one that is silent is not asked twice
        return Report(status, load.in_flight if load else None, load.idle_seconds if load else None)

    async def _get(self, pod: PodView, path: str, document: type[D]) -> D | None:
        try:
            url = f"http://{_host(pod.address)}:{self._port}{path}"
            async with self._session.get(url, allow_redirects=False) as response:
                return document.model_validate_json(await _page(response))
        except (aiohttp.ClientError, TimeoutError, OSError, ValidationError):
            return None


async def _page(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, up to the limit; what is longer is cut and then no document."""
    page = b""
    async for segment in response.content.iter_any():
        page += segment
        if len(page) >= LARGEST_PAGE_BYTES:
            break
    return page[:LARGEST_PAGE_BYTES]


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
