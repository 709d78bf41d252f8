"""Bare requests to the API server, without a client library: so fast that the server is what is measured."""

import asyncio
import base64
import json
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml

from llmfleet.shell.cluster import APPLY, MERGE
from llmfleet.shell.kinds import BY_KIND, OWN, Kind

from .documents import Document

CONNECTIONS = 4
MANAGER = "llmfleet-bench"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
Job = Callable[[], Awaitable[object]]


class Refusal(Exception):
    """The server's no, in its words."""


class Api:
    """Between ``async with`` and its end, over four connections."""

    def __init__(self, kubeconfig: Path) -> None:
        """Read the address and the bearer's token."""
        document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        self._server = cluster["server"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=authority)
        self._headers = {"Authorization": f"Bearer {user['token']}"}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=self._tls)
        self._session = await self._stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", **query: str
    ) -> Document:
        """One request; the answer. Raises Refusal."""
        headers = {**self._headers, "Content-Type": content_type, "Accept": query.pop("accept", "application/json")}
        data = None if body is None else json.dumps(body)
        async with self._session.request(
            method, self._server + path, data=data, headers=headers, params=query
        ) as response:
            text = await response.text()
        if response.status >= 400:
            raise Refusal(f"{method} {path}: {response.status} {text[:300]}")
        answer: Document = json.loads(text)
        return answer

    async def apply(self, document: Document, subresource: str = "") -> Document:
        """Server-side apply; the object as the server has it now."""
        metadata = document["metadata"]
        path = BY_KIND[document["kind"]].path(metadata["namespace"], metadata["name"], subresource)
        return await self.request("PATCH", path, document, APPLY, fieldManager=MANAGER, force="true")

    async def edit(self, namespace: str, name: str, spec: Document) -> Document:
        """Change members of an LLMDeployment's spec."""
        return await self.request("PATCH", OWN.path(namespace, name), {"spec": spec}, MERGE)

    async def cells(self, kind: Kind, namespace: str) -> list[list[Any]]:
        """The rows that kubectl would print, from the server's cache: a light way to look at a thousand objects."""
        query = {"resourceVersion": "0", "includeObject": "None", "accept": TABLE}
        answer = await self.request("GET", kind.path(namespace), **query)
        return [row["cells"] for row in answer.get("rows") or ()]


async def side_by_side(jobs: Iterable[Job], workers: int = CONNECTIONS) -> None:
    """Run jobs, so many at a time; the first failure ends them all."""
    waiting = iter(list(jobs))

    async def work() -> None:
        for job in waiting:
            await job()

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())
