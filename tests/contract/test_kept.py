"""The operator keeps connections to the pods' own server, and a pod that ends does not wait for them."""

import asyncio
import socket
import time

from llmfleet.shell.page import Pages
from llmfleet_runtime.contract import LOAD_PATH, LoadReport, Phase, RuntimeStatus
from llmfleet_runtime.server import serve


class Pod:
    def is_alive(self) -> bool:
        return True

    def is_ready(self) -> bool:
        return True

    def status(self) -> RuntimeStatus:
        return RuntimeStatus(phase=Phase.READY, since=1.0)

    async def load(self) -> LoadReport:
        return LoadReport(started=1.0, in_flight=0)

    async def metrics(self) -> str:
        return ""


async def test_a_kept_connection_serves_several_pages_and_holds_up_no_pod_that_ends() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    runner, pages = await serve(Pod(), port), Pages(port)
    opened: set[int] = set()
    for _ in range(3):
        assert await pages.get("127.0.0.1", LOAD_PATH, 2.0)
        opened |= {id(line) for _, line in pages._kept.values()}
    assert len(opened) == 1
    began = time.monotonic()
    await asyncio.wait_for(runner.cleanup(), 30)
    assert time.monotonic() - began < 5
    assert await pages.get("127.0.0.1", LOAD_PATH, 2.0) is None
    pages.close()
