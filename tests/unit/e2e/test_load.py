"""The load generator against a server that misbehaves in each way it must count."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from e2e.load import Background, Outcome, Plan, Report, drive
from e2e.load.drive import Tally

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def event(text: str, finish: str | None = None) -> bytes:
    return f"data: {json.dumps({'choices': [{'text': text, 'finish_reason': finish}]})}\n\n".encode()


USAGE = b'data: {"choices": [], "usage": {"completion_tokens": 7}}\n\n'
DONE = b"data: [DONE]\n\n"
WHOLE = (event("a"), event("b", "length"), USAGE, DONE)


def streaming(*pieces: bytes, reset: bool = False) -> Handler:
    """A handler that streams the pieces and then ends the body properly, or resets the connection."""

    async def handle(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        if reset:
            assert request.transport is not None
            request.transport.abort()
        return response

    return handle


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/completions", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def until(wanted: Callable[[], bool]) -> None:
    """Counts have no event of their own; the test's limit is the deadline."""
    while not wanted():  # noqa: ASYNC110 because plain numbers are watched
        await asyncio.sleep(0.005)


async def load(handler: Handler, **changes: object) -> Report:
    async with serving(handler) as url:
        return await drive(Plan(url, "tiny", **{"clients": 2, "requests": 4, "seconds": 5, **changes}))  # type: ignore[arg-type] # because loose


async def test_whole_streams_are_answered_and_their_tokens_are_the_servers_count() -> None:
    report = await load(streaming(*WHOLE))
    assert (report.ok, report.failed, report.tokens) == (4, 0, 28)
    assert 0 < report.first_token.p50 <= report.latency.largest


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (streaming(event("a"), event("b", "length")), "cut stream: no [DONE]"),
        (streaming(event("a"), DONE), "cut stream: no finish reason"),
        (streaming(event("a"), reset=True), "cut stream: ClientPayloadError"),
        (streaming(event("a"), b'data: {"error": {"message": "engine died"}}\n\n'), "error in the stream"),
        (streaming(b"data: {broken\n\n"), "JSONDecodeError"),
    ],
)
async def test_a_stream_that_does_not_end_as_it_should_is_a_failure(handler: Handler, reason: str) -> None:
    report = await load(handler)
    assert (report.ok, report.failed) == (0, 4)
    assert report.failures[0][0].startswith(reason)


@pytest.mark.parametrize("status", [302, 404, 429, 500, 503])
async def test_any_status_but_success_is_a_failure_and_is_not_sent_again(status: int) -> None:
    arrived = 0

    async def refuse(request: web.Request) -> web.StreamResponse:
        nonlocal arrived
        arrived += 1
        return web.Response(status=status, headers={"Retry-After": "0"})

    report = await load(refuse)
    assert report.failures == ((f"HTTP {status}", 4),)
    assert arrived == 4


async def test_a_reset_before_the_answer_is_a_failure_and_is_not_sent_again() -> None:
    arrived = 0

    async def reset(request: web.Request) -> web.StreamResponse:
        nonlocal arrived
        arrived += 1
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    report = await load(reset)
    assert (report.failed, arrived) == (4, 4)


async def test_a_refused_connection_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    report = await drive(Plan(f"http://127.0.0.1:{port}", "tiny", clients=1, requests=2, seconds=5))
    assert report.failures == (("no connection: ConnectionRefusedError", 2),)


async def test_an_answer_that_never_comes_times_out_and_is_counted() -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError

    report = await load(hang, requests=2, timeout_seconds=0.1)
    assert report.failures == (("timed out", 2),)


async def test_an_answer_in_one_piece_needs_a_finish_reason() -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"choices": [{"text": "x", "finish_reason": None}]})

    report = await load(answer, stream=False)
    assert report.failures == (("an answer without a finish reason", 4),)


async def test_half_of_the_clients_keep_their_connection_and_half_open_fresh_ones() -> None:
    peers: list[tuple[str, object]] = []

    async def remember(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.append((request.headers.get("Connection", ""), request.transport.get_extra_info("peername")))
        return await streaming(*WHOLE)(request)

    await load(remember, requests=20)
    fresh = [peer for connection, peer in peers if connection == "close"]
    kept = [peer for connection, peer in peers if connection != "close"]
    assert len(set(fresh)) == len(fresh)
    assert len(set(kept)) == 1
    assert len(kept) > 1


async def test_open_loop_does_not_wait_for_answers() -> None:
    release = asyncio.Event()
    tally = Tally()

    async def held(request: web.Request) -> web.StreamResponse:
        await release.wait()
        return await streaming(*WHOLE)(request)

    async with serving(held) as url:
        plan = Plan(url, "tiny", rate=200, requests=10, seconds=5)
        running = asyncio.create_task(drive(plan, tally=tally))
        await until(lambda: tally.started == 10)
        release.set()
        report = await running
    assert (report.ok, report.failed) == (10, 0)


async def test_streams_that_have_begun_and_not_ended_are_counted_as_streaming() -> None:
    release, tally = asyncio.Event(), Tally()

    async def half(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(WHOLE[0])
        await release.wait()
        await response.write(b"".join(WHOLE[1:]))
        return response

    async with serving(half) as url:
        running = asyncio.create_task(drive(Plan(url, "tiny", clients=3, requests=3, seconds=5), tally=tally))
        await until(lambda: tally.streaming == 3)
        release.set()
        report = await running
    assert (report.ok, tally.streaming) == (3, 0)


async def test_stopping_in_the_background_waits_for_what_is_in_flight() -> None:
    async with serving(streaming(*WHOLE)) as url:
        background = Background(Plan(url, "tiny", clients=2, seconds=5))
        with background:
            await until(lambda: len(background.tally.outcomes) >= 4)
            report = await asyncio.to_thread(background.stop)
    assert report.sent == background.tally.started
    assert report.failed == 0


async def test_time_bounds_a_load() -> None:
    report = await load(streaming(*WHOLE), requests=100_000, seconds=0.2)
    assert report.sent > 0
    assert report.seconds < 1.5


@pytest.mark.parametrize("bound", [{"seconds": 1e9}, {"requests": 10**9}, {"seconds": 0}])
def test_a_load_without_bounds_is_refused(bound: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at most"):
        Plan("http://127.0.0.1:1", "tiny", **bound)  # type: ignore[arg-type] # because that is the point


def test_percentiles_are_values_that_were_measured() -> None:
    report = Report.of([Outcome(None, float(n), None, 1) for n in range(1, 101)], seconds=10)
    latency = report.latency
    assert (latency.p50, latency.p95, latency.p99, latency.largest) == (50, 95, 99, 100)
    assert report.tokens_per_second == 10


def test_failures_do_not_flatter_the_percentiles() -> None:
    report = Report.of([Outcome("HTTP 503", 0.001), Outcome(None, 2.0)], seconds=1)
    assert report.latency.p50 == 2.0
    assert str(report) == "2 requests, 1 failed; 1 x HTTP 503; 0 tokens in 1 s"


def test_the_default_client_library_still_repeats_no_post() -> None:
    assert "POST" not in aiohttp.client.IDEMPOTENT_METHODS
