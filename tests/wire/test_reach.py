"""A command on its way to the operator: the Lease's holder, a port-forward to it, and the listener behind."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from kubernetes.aio.client import ApiClient, Configuration

from llmfleet.core.explain.account import Account
from llmfleet.shell import console, reach
from llmfleet.shell.cluster import ApiServer
from llmfleet.shell.console import ACCOUNT_PATH, WAKE_PATH, Woken
from llmfleet.shell.errors import FleetError, Refused, Unavailable
from llmfleet.shell.ports import Key
from llmfleet.shell.reach import Answer
from tests.builders import NOW

ACCOUNT = ACCOUNT_PATH.format(namespace="team-a", name="qwen")
PATH = WAKE_PATH.format(namespace="team-a", name="qwen")


class Operator:
    """The listener, and what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Key, int]] = []
        self.asked: list[tuple[Key, float]] = []
        self.error: FleetError | None = None
        self.port = unused_port()

    async def wake(self, key: Key, replicas: int) -> Woken:
        self.calls.append((key, replicas))
        if self.error:
            raise self.error
        return Woken(before=0, replicas=replicas, reason="Woken", message="told to")

    def explain(self, key: Key, seconds: float) -> Account:
        self.asked.append((key, seconds))
        if self.error:
            raise self.error
        return Account(namespace=key.namespace, name=key.name, now=NOW, wanted=1, ready=1, least=0, most=4)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
async def operator() -> AsyncIterator[Operator]:
    made = Operator()
    runner = await console.serve(made.port, made.wake, made.explain)
    yield made
    await runner.cleanup()


async def test_a_call_reaches_the_fleet_it_names(operator: Operator) -> None:
    answer = await reach.ask_directly(operator.address, "POST", PATH, {"replicas": 2})
    assert answer == Answer(200, {"before": 0, "replicas": 2, "reason": "Woken", "message": "told to"})
    assert operator.calls == [(Key("team-a", "qwen"), 2)]


async def test_a_call_that_asks_for_nothing_more_wakes_one(operator: Operator) -> None:
    await reach.ask_directly(operator.address, "POST", PATH, {})
    assert operator.calls == [(Key("team-a", "qwen"), 1)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"replicas": 0}, "replicas: Input should be greater than or equal to 1 (value: 0)"),
        ({"replicas": 1001}, "replicas: Input should be less than or equal to 1000 (value: 1001)"),
        ({"replicas": "many"}, "replicas: Input should be a valid integer"),
        ({"size": 2}, "size: Extra inputs are not permitted"),
        ([], "body: Input should be an object"),
    ],
)
async def test_a_call_that_makes_no_sense_is_refused_by_its_field(operator: Operator, body: Any, expected: str) -> None:
    status, answer = await reach.ask_directly(operator.address, "POST", PATH, body)
    assert status == 400
    assert expected in answer["message"]
    assert operator.calls == []


@pytest.mark.parametrize(
    ("error", "status"),
    [(Refused("no such fleet", 404), 404), (Refused("paused", 409), 409), (Unavailable("the server is away"), 503)],
)
async def test_a_refusal_is_told_in_its_own_words(operator: Operator, error: FleetError, status: int) -> None:
    operator.error = error
    assert await reach.ask_directly(operator.address, "POST", PATH, {}) == Answer(status, {"message": str(error)})


async def test_a_form_of_a_browser_is_no_call(operator: Operator) -> None:
    async with aiohttp.request("POST", operator.address + PATH, data={"replicas": "2"}) as answer:
        assert answer.status == 415
    async with aiohttp.request(
        "POST", operator.address + PATH, data=b"x" * 5000, headers={"Content-Type": "text/plain"}
    ) as answer:
        assert answer.status == 415
    assert operator.calls == []


async def test_an_account_is_asked_for_a_fleet_and_a_time(operator: Operator) -> None:
    status, found = await reach.ask_directly(operator.address, "GET", f"{ACCOUNT}?seconds=600")
    assert (status, Account.model_validate(found).most) == (200, 4)
    assert operator.asked == [(Key("team-a", "qwen"), 600.0)]


@pytest.mark.parametrize("query", ["seconds=0", "seconds=nan", "seconds=999999999", "hours=1", "seconds=soon"])
async def test_an_account_of_a_time_that_is_none_is_refused(operator: Operator, query: str) -> None:
    status, found = await reach.ask_directly(operator.address, "GET", f"{ACCOUNT}?{query}")
    assert status == 400
    assert query.split("=", maxsplit=1)[0] in found["message"]
    assert operator.asked == []


async def test_where_there_is_nothing_to_explain_it_is_said(operator: Operator) -> None:
    operator.error = Refused("it has no spec.autoscaling", 409)
    assert await reach.ask_directly(operator.address, "GET", ACCOUNT) == Answer(409, {"message": str(operator.error)})


async def test_where_nobody_listens_the_address_is_named() -> None:
    with pytest.raises(Unavailable, match="no operator answers at http"):
        await reach.ask_directly("http://127.0.0.1:1", "POST", PATH, {})


class Cluster:
    """An API server with one Lease, one operator and its pod, whose port-forward leads to the listener."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.holder: str | None = "llmfleet-abc"
        self.has_pod = True
        self.is_allowed = True
        self.is_reachable = True
        self.asked: list[str] = []

    async def read(self, request: web.Request) -> web.Response:
        found: Any = {"metadata": {}, "spec": {}}
        if request.path.endswith("/leases/llmfleet"):
            found = {"metadata": {}, "spec": {"holderIdentity": self.holder}} if self.holder is not None else None
        elif request.path.endswith("/deployments"):
            variables = [{"name": "LLMFLEET_LOOPBACK_PORT", "value": str(self.port)}]
            containers = [{"name": "operator", "env": variables}]
            item = {"metadata": {}, "spec": {"template": {"spec": {"containers": containers}}}}
            found = {"metadata": {}, "items": [item]}
        elif not self.has_pod:
            found = None
        return web.json_response(found or {"message": "not found"}, status=200 if found else 404)

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """As the kubelet does: two channels, each named by the port first, then bytes as they come."""
        self.asked.append(f"{request.path} {request.query['ports']}")
        if not self.is_allowed:
            return web.json_response({"message": "forbidden"}, status=403)
        socket = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
        await socket.prepare(request)
        for channel in (0, 1):
            await socket.send_bytes(bytes([channel]) + self.port.to_bytes(2, "little"))
        if not self.is_reachable:
            await socket.send_bytes(b"\x01failed to connect to localhost:8081 inside the pod")
            return socket
        message = await socket.receive_bytes()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(message[1:])
        while part := await reader.read(7):  # answers come in parts
            await socket.send_bytes(b"\x00" + part)
        writer.close()
        return socket


@pytest.fixture
async def cluster(operator: Operator) -> AsyncIterator[tuple[Cluster, ApiServer]]:
    played = Cluster(operator.port)
    app = web.Application()
    app.router.add_get("/api/v1/namespaces/{namespace}/pods/{pod}/portforward", played.forward)
    app.router.add_get("/{path:.*}", played.read)
    server = TestServer(app)
    await server.start_server()
    client = ApiClient(Configuration(host=str(server.make_url("")).rstrip("/")))
    yield played, ApiServer(client)
    await client.close()
    await server.close()


async def ask(api: ApiServer) -> Answer:
    return await reach.ask(api, "llmfleet-system", "POST", PATH, {"replicas": 3})


async def test_a_port_forward_leads_to_the_pod_that_holds_the_lease(cluster, operator: Operator) -> None:
    played, api = cluster
    assert (await ask(api)).document["replicas"] == 3
    assert operator.calls == [(Key("team-a", "qwen"), 3)]
    assert played.asked == [f"/api/v1/namespaces/llmfleet-system/pods/llmfleet-abc/portforward {operator.port}"]


@pytest.mark.parametrize(
    ("member", "value", "error", "expected"),
    [
        ("holder", None, Refused, "no operator leads in namespace llmfleet-system"),
        ("holder", "", Refused, "name its namespace with --operator-namespace"),
        ("has_pod", False, Refused, "runs outside the cluster; call it there with --operator"),
        ("is_allowed", False, Refused, "port-forward to pod llmfleet-system/llmfleet-abc"),
        ("is_reachable", False, Unavailable, "failed to connect to localhost:8081"),
    ],
)
async def test_what_stands_in_the_way_is_said(cluster, member: str, value: Any, error: type, expected: str) -> None:
    played, api = cluster
    setattr(played, member, value)
    with pytest.raises(error, match=expected):
        await ask(api)
