"""Reading pods: whatever goes wrong is an absent answer, soon."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import cast

import pytest
import uvloop
from aiohttp import web

from llmfleet.core.pods import Health, PodView
from llmfleet.core.world import Report
from llmfleet.shell import pods
from llmfleet.shell.pods import RuntimeClient
from llmfleet_runtime.contract import Phase

STATUS = '{"version": 1, "phase": "Ready", "since": 1.0, "liveNumber": 4, "ofTomorrow": true}'
LOAD = '{"version": 1, "started": 1.0, "inFlight": 3, "running": 2, "waiting": 1}'
ADDRESS = "127.0.0.1"
GONE = "127.0.0.2"
Pages = dict[str, str | float]


def at(address: str) -> PodView:
    return PodView(
        name=address, uid=f"uid-{address}", revision="a", health=Health.READY, has_served=True, address=address
    )


async def numbers(client: RuntimeClient, *addresses: str) -> list[tuple[float | None, float | None]]:
    """Running and waiting of each pod; the samples must bear the pods' UIDs."""
    pods = [at(address) for address in addresses]
    found = await client.samples(pods)
    assert [each.pod for each in found] == [each.uid for each in pods]
    return [(each.running, each.waiting) for each in found]


SILENT = (None, None)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


async def in_segments(request: web.Request, text: str) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": str(len(text))})
    await answer.prepare(request)
    for start in range(0, len(text), 30):
        await answer.write(text[start : start + 30].encode())
        await asyncio.sleep(0.01)
    return answer


@pytest.fixture
async def pages(port: int) -> AsyncIterator[Pages]:
    """What the pod answers by path; a number is how long it thinks about it, seconds."""
    told: Pages = {"/status": STATUS, "/load": LOAD}

    async def respond(request: web.Request) -> web.StreamResponse:
        answer = told[request.path]
        if request.path in str(told.get("segments")):
            return await in_segments(request, str(answer))
        if str(answer).startswith("http://"):
            raise web.HTTPFound(str(answer))
        if isinstance(answer, float):
            await asyncio.sleep(answer)
        return web.Response(text=str(answer))

    app = web.Application()
    app.router.add_get("/{path:.*}", respond)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, ADDRESS, port).start()
    yield told
    await runner.cleanup()


@pytest.fixture
async def client(port: int) -> AsyncIterator[RuntimeClient]:
    made = RuntimeClient(port)
    yield made
    await made.close()


async def test_a_pod_tells_its_status_and_load(client: RuntimeClient, pages: Pages) -> None:
    report = (await client.reports([at(ADDRESS)]))[f"uid-{ADDRESS}"]
    assert report.status
    assert (report.status.phase, report.status.live_number, report.in_flight) == (Phase.READY, 4, 3)
    assert await numbers(client, ADDRESS) == [(2.0, 1.0)]


@pytest.mark.proves("R61", "R78", "F39")
@pytest.mark.parametrize("page", ["", "<html>", "null", "[]", '{"version": 2}', "x" * 1_000_000, '"' + "x" * 1_000_000])
async def test_a_page_that_makes_no_sense_is_an_absent_answer(client: RuntimeClient, pages: Pages, page: str) -> None:
    pages |= {"/status": page, "/load": page}
    assert await client.reports([at(ADDRESS)]) == {f"uid-{ADDRESS}": Report()}
    assert await numbers(client, ADDRESS) == [SILENT]


async def test_a_pod_that_does_not_say_what_it_is_is_not_asked_for_its_load(
    client: RuntimeClient, pages: Pages
) -> None:
    pages["/status"] = "null"
    assert await client.reports([at(ADDRESS)]) == {f"uid-{ADDRESS}": Report()}


async def test_a_pod_that_is_gone_is_an_absent_answer(client: RuntimeClient) -> None:
    assert await numbers(client, GONE, "") == [SILENT, SILENT]


@pytest.mark.proves("R61", "F39")
async def test_a_hanging_pod_holds_up_neither_the_tick_nor_its_neighbours(client: RuntimeClient, pages: Pages) -> None:
    pages["/load"] = 30.0
    begun = time.monotonic()
    assert await numbers(client, *[ADDRESS] * 20) == [SILENT] * 20
    assert time.monotonic() - begun < 4


async def test_answers_stand_in_the_order_of_the_pods(client: RuntimeClient, pages: Pages) -> None:
    found = await numbers(client, GONE, ADDRESS, GONE)
    assert found == [SILENT, (2.0, 1.0), SILENT]


async def test_a_pod_sends_the_operator_nowhere_else(client: RuntimeClient, pages: Pages, port: int) -> None:
    """Else a pod could have the operator ask any address in its stead."""
    pages |= {"/load": f"http://{ADDRESS}:{port}/elsewhere", "/elsewhere": LOAD}
    assert await numbers(client, ADDRESS) == [SILENT]


async def test_a_page_that_arrives_in_segments_is_read_whole(client: RuntimeClient, pages: Pages) -> None:
    pages["segments"] = "/load"
    assert await numbers(client, ADDRESS) == [(2.0, 1.0)]


async def test_a_slow_pod_holds_up_one_look_only_until_it_is_prompt_again(client: RuntimeClient, pages: Pages) -> None:
    pages["/load"] = 30.0
    assert await numbers(client, ADDRESS) == [SILENT]
    begun = time.monotonic()
    assert await numbers(client, ADDRESS, GONE) == [SILENT, SILENT]
    assert time.monotonic() - begun < 1
    pages["/load"] = LOAD
    deadline = time.monotonic() + 10
    while await numbers(client, ADDRESS) == [SILENT]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_slow_pods_take_no_place_of_prompt_ones(port: int, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pods, "MOST_AT_ONCE", 4)
    few = RuntimeClient(port)
    pages["/load"] = 30.0
    slow = [replace(at(ADDRESS), uid=f"slow-{number}") for number in range(8)]
    await few.samples(slow)
    pages["/load"] = LOAD
    begun = time.monotonic()
    (*silent, prompt) = await few.samples([*slow, at(ADDRESS)])
    assert time.monotonic() - begun < 1
    assert (prompt.running, {each.running for each in silent}) == (2.0, {None})
    await few.close()


async def trickling(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.1)


async def bottomless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.0 200 OK\r\n")
    while True:
        writer.write(b"x: " + b"y" * 65_536 + b"\r\n")
        await writer.drain()


async def rude(writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")


@pytest.mark.proves("R61")
@pytest.mark.parametrize("behave", [trickling, bottomless, rude])
async def test_what_speaks_no_http_or_never_ends_is_silence(client: RuntimeClient, port: int, behave) -> None:
    serving: list[asyncio.Task[None]] = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(cast("asyncio.Task[None]", asyncio.current_task()))
        with contextlib.suppress(OSError):
            await behave(writer)
        with contextlib.suppress(OSError):
            writer.close()
            await writer.wait_closed()

    async with await asyncio.start_server(serve, ADDRESS, port):
        begun = time.monotonic()
        assert await numbers(client, ADDRESS) == [SILENT]
        assert time.monotonic() - begun < 3
        await client.close()
        await asyncio.gather(*serving)


def test_the_operators_event_loop_reads_pods_too() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.0 200 OK\r\n\r\n{LOAD}".encode())
        writer.close()

    async def look() -> list[tuple[float | None, float | None]]:
        server = await asyncio.start_server(answer, ADDRESS, 0)
        client = RuntimeClient(server.sockets[0].getsockname()[1])
        async with server:
            found = await numbers(client, ADDRESS, GONE)
        await client.close()
        return found

    assert uvloop.run(look()) == [(2.0, 1.0), SILENT]
