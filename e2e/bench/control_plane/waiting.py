"""What the bench waits for: fleets that are ready, an operator that has nothing to do or writes nothing more."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from e2e.cluster import ClusterError
from llmfleet.shell.kinds import BY_KIND, OWN, POD
from llmfleet.shell.pods import TIMEOUT_SECONDS
from llmfleet_runtime.contract import STATUS_PATH, STATUS_PORT

from .api import Api
from .ledger import Ledger, writes_of
from .process import Busy, Running

QUIET_SECONDS = 3.0
IDLE_SECONDS = 2.0
Holds = Callable[[], Awaitable[bool]]


async def served(api: Api, namespace: str, count: int) -> bool:
    """Whether so many Deployments have all their pods ready."""
    return are_complete(await api.cells(BY_KIND["Deployment"], namespace), count)


def are_complete(rows: list[list[Any]], count: int) -> bool:
    """The same by the rows that kubectl prints: name, then ready of wanted pods as ``3/3``."""
    ready = [str(row[1]).split("/") for row in rows]
    return len([wanted for have, wanted in ready if have == wanted != "0"]) >= count


async def reported(api: Api, namespace: str, count: int) -> bool:
    """Whether so many objects say of themselves that they are Ready: the second column of what kubectl prints."""
    rows = await api.cells(OWN, namespace)
    return len([row for row in rows if row[1] == "True"]) >= count


async def silence(api: Api, namespace: str) -> float:
    """Seconds until one of the namespace's pods has not answered what the operator asks its ready pods."""
    pods = await api.request("GET", POD.path(namespace), limit="1")
    url = f"http://{pods['items'][0]['status']['podIP']}:{STATUS_PORT}{STATUS_PATH}"
    began, patience = time.monotonic(), aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with aiohttp.ClientSession(timeout=patience) as session, session.get(url) as response:
            await response.read()
    return time.monotonic() - began


async def until(holds: Holds, seconds: float, what: str, *, every: float = 0.5) -> None:
    """Ask until it holds. ClusterError with ``what`` was expected when it does not in time."""
    deadline = time.monotonic() + seconds
    while not await holds():
        if time.monotonic() > deadline:
            raise ClusterError(f"not within {seconds:.0f} s: {what}")
        await asyncio.sleep(every)


async def idle(process: Running, at_most: float = 30.0) -> None:
    """Wait until a process has had nothing to do for two seconds; one with timers may never."""
    busy, deadline = Busy(process), time.monotonic() + at_most
    while busy.look() < IDLE_SECONDS and time.monotonic() < deadline:  # noqa: ASYNC110 because the kernel is asked
        await asyncio.sleep(0.1)


async def quiet(book: Ledger, user: str, at_most: float = 20.0) -> None:
    """Wait until a user has written nothing for a while; an operator with timers may never let it."""
    deadline, since = time.monotonic() + at_most, time.monotonic()
    known = len(book.read())
    while time.monotonic() - since < QUIET_SECONDS and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
        if writes_of(book.read()[known:], user):
            known, since = len(book.entries), time.monotonic()
