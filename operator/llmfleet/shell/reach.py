"""How a command reaches the operator: by a port-forward to the pod that holds the Lease, under the caller's own rights.

The port-forward is one WebSocket with two channels, data and error, whose first message names the port
(kubernetes ``pkg/kubelet/cri/streaming/portforward/websocket.go``).
"""

import asyncio
import io
from collections.abc import AsyncIterator
from http.client import HTTPException, HTTPResponse
from typing import Any, NamedTuple

import aiohttp
import orjson

from llmfleet import names
from llmfleet.settings import Settings
from llmfleet.shell.cluster import ApiServer
from llmfleet.shell.console import JSON
from llmfleet.shell.errors import Refused, Unavailable
from llmfleet.shell.kinds import LEASE, POD
from llmfleet.shell.preview import operator_settings

PATIENCE_SECONDS = 15.0
DATA, ERROR = 0, 1


class Answer(NamedTuple):
    """What the operator says."""

    status: int
    document: dict[str, Any]


async def ask_directly(address: str, method: str, path: str, body: Any = None) -> Answer:
    """Ask a listener whose address is known, such as ``http://127.0.0.1:8081``. Raises Unavailable."""
    patience = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    try:
        async with aiohttp.request(method, address.rstrip("/") + path, json=body, timeout=patience) as answer:
            return Answer(answer.status, orjson.loads(await answer.read()))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise Unavailable(f"no operator answers at {address}: {error!r}") from error


async def ask(api: ApiServer, namespace: str, method: str, path: str, body: Any = None) -> Answer:
    """Ask the operator that runs in a namespace. Raises FleetError."""
    settings = await operator_settings(api, namespace) or Settings()
    pod = await holder(api, namespace)
    try:
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            api.port_forward(namespace, pod, settings.loopback_port) as socket,
        ):
            return await _exchange(socket, _request(method, path, body))
    except (aiohttp.ClientError, TimeoutError, OSError, HTTPException, ValueError) as error:
        raise Unavailable(f"the operator's pod {namespace}/{pod} does not answer: {error!r}") from error


async def holder(api: ApiServer, namespace: str) -> str:
    """The pod that holds the operator's Lease. Raises FleetError, Refused with what to do."""
    lease = await api.get(LEASE, namespace, names.LEASE_NAME)
    found = str(lease["spec"].get("holderIdentity") or "") if lease else ""
    if not found:
        raise Refused(f"no operator leads in namespace {namespace}; name its namespace with --operator-namespace")
    if await api.get(POD, namespace, found) is None:
        where = f"the operator {found} runs outside the cluster"
        raise Refused(f"{where}; call it there with --operator http://127.0.0.1:{Settings().loopback_port}")
    return found


def _request(method: str, path: str, body: Any) -> bytes:
    content = b"" if body is None else orjson.dumps(body)
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {JSON}\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


async def _exchange(socket: aiohttp.ClientWebSocketResponse, request: bytes) -> Answer:
    await socket.send_bytes(bytes([DATA]) + request)
    page = b"".join([part async for part in _parts(socket)])
    response = HTTPResponse(_Received(page))  # type: ignore[arg-type]  # because it only asks for a file
    response.begin()
    return Answer(response.status, orjson.loads(response.read()))


async def _parts(socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[bytes]:
    """What the port sends until it closes. Unavailable with the kubelet's words when it cannot be reached."""
    is_named = set[int]()
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        channel, data = message.data[0], message.data[1:]
        if channel not in is_named:
            is_named.add(channel)
            continue
        if channel == ERROR:
            raise Unavailable(data.decode(errors="replace"))
        yield data


class _Received(io.BytesIO):
    """Bytes in the place of a socket."""

    def makefile(self, _: str) -> io.BytesIO:
        return self
