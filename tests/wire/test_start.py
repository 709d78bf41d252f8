"""What an operator knows before it acts: what belongs to a namespace's fleets. No namespace waits for another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from kubernetes.aio.client import ApiClient

from llmfleet.settings import Settings
from llmfleet.shell import reflector, run
from llmfleet.shell.cluster import ApiServer
from llmfleet.shell.lease import Lease
from llmfleet.shell.pods import RuntimeClient
from llmfleet.shell.ports import Key
from llmfleet.shell.run import Operator
from llmfleet.shell.telemetry import Metrics
from tests.builders import deployment, with_spec
from tests.fakes import FakeLeaseApi
from tests.simulator import Simulator
from tests.wire.server import Answer, Request, Simulated, Wire

KEY = Key("team-a", "qwen")
FORBIDDEN: Answer = (403, {"message": "forbidden"})
EMPTY: Answer = (200, {"metadata": {"resourceVersion": "1"}, "items": []})


class Server:
    """Serves one fleet in team-a and nothing in team-b, and refuses to show what ``refused`` is part of."""

    def __init__(self) -> None:
        self.world = Simulator(deployment(with_spec(replicas=2)))
        self.refused: set[str] = set()
        self._serve = Simulated(self.world)

    def __call__(self, request: Request) -> Answer:
        if request.method == "GET" and any(part in request.path for part in self.refused):
            return FORBIDDEN
        if "watch" in request.query:
            return 200, ""
        return EMPTY if "team-b" in request.path else self._serve(request)


@pytest.fixture
def server(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(reflector, "LEAST_SECONDS", 0.05)
    monkeypatch.setattr(reflector.Reflector, "_pause", 0.05)
    monkeypatch.setattr(run, "RETRY_SECONDS", 0.05)
    wire.respond = made = Server()
    return made


@asynccontextmanager
async def working(client: ApiClient, namespaces: str) -> AsyncIterator[Operator]:
    """A leader at work, but for kopf's watch."""
    lease = Lease(FakeLeaseApi(), "system", "me", 15)  # type: ignore[arg-type]  # because the fake has what a Lease asks
    await lease.acquire()
    pods = RuntimeClient()
    operator = Operator(
        Settings(watch_namespaces=namespaces, inspection_timeout_seconds=0), ApiServer(client), lease, pods, Metrics()
    )
    tasks = [asyncio.create_task(loop) for loop in (*operator._sight.loops(), operator._list_first())]
    try:
        yield operator
    finally:
        for task in tasks:
            task.cancel()
        await operator.close()
        await pods.close()


async def until(holds) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 because nobody could set an event
            await asyncio.sleep(0.02)


@pytest.mark.proves("R11", "F12")
async def test_a_namespace_that_is_refused_keeps_no_other_waiting(client: ApiClient, server: Server) -> None:
    server.refused = {"/team-b/"}
    async with working(client, "team-b,team-a") as operator:
        await until(server.world.sizes)
        assert operator.readyz() == ""


@pytest.mark.proves("R06", "F12")
@pytest.mark.parametrize("hidden", ["deployments", "pods", "controllerrevisions"])
async def test_nothing_is_decided_where_a_kind_cannot_be_seen(client: ApiClient, server: Server, hidden: str) -> None:
    server.refused = {f"/team-a/{hidden}"}
    async with working(client, "team-a,team-b") as operator:
        await until(lambda: operator._is_listed)
        await asyncio.sleep(0.3)
        assert (server.world.sizes(), operator._cache.owner(KEY) is None) == ({}, False)
        server.refused = set()
        await until(server.world.sizes)


@pytest.mark.parametrize("hidden", ["/deployments", "/llmdeployments"])
async def test_an_operator_that_sees_nothing_is_not_ready(client: ApiClient, server: Server, hidden: str) -> None:
    server.refused = {hidden}
    async with working(client, "") as operator:
        await asyncio.sleep(0.3)
        assert operator.readyz() == "listing"
        server.refused = set()
        await until(lambda: operator.readyz() == "")
