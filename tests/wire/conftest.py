"""A server on the loopback and a client of it, for each test."""

from collections.abc import AsyncIterator

import pytest
from kubernetes.aio.client import ApiClient

from llmfleet.shell.cluster import ApiServer
from tests.wire.server import Wire


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def client(wire: Wire) -> AsyncIterator[ApiClient]:
    server, made = await wire.start()
    yield made
    await made.close()
    await server.close()


@pytest.fixture
def api(client: ApiClient) -> ApiServer:
    return ApiServer(client)
