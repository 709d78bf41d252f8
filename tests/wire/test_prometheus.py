"""A metrics source that misbehaves is soon a cause in words, and never a number."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from llmfleet.core.pods import Health, PodView
from llmfleet.settings import MetricsSource
from llmfleet.shell import prometheus
from llmfleet.shell.ports import Key, SourceUnavailable
from llmfleet.shell.prometheus import THREADS, UNANSWERED_FLEETS, Prometheus

KEY = Key("team-a", "qwen")
POD = PodView("qwen-0123456789-a", "uid-a", "0123456789", Health.READY, has_served=True)
NOW = 1_000_000.0
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def series(name: str, value: str) -> dict:
    return {"metric": {"__name__": name, "pod": POD.name}, "values": [[NOW - 1, value]]}


def good(running: str = "3") -> dict:
    result = [series("vllm:num_requests_running", running), series("vllm:num_requests_waiting", "1")]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


class Stage:
    """A server that answers as told, and what it was asked."""

    def __init__(self) -> None:
        self.answer: Answer = lambda _: says(good())
        self.asked: list[web.Request] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.answer(request)


async def says(document: object, status: int = 200) -> web.Response:
    return web.Response(text=document if isinstance(document, str) else json.dumps(document), status=status)


@pytest.fixture
async def stage() -> AsyncIterator[tuple[Stage, str]]:
    made = Stage()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    server = TestServer(app)
    await server.start_server()
    yield made, str(server.make_url("")).rstrip("/")
    await server.close()


def source(url: str, **members: object) -> Prometheus:
    return Prometheus(MetricsSource(name="main", url=url, timeout_seconds=1.0, **members), lambda: NOW)


async def cause(made: Prometheus, key: Key = KEY) -> str:
    with pytest.raises(SourceUnavailable) as raised:
        await made.samples(key, [POD])
    return str(raised.value)


def others(count: int) -> list[Key]:
    return [Key("team-b", f"other-{number}") for number in range(count)]


def only_of(key: Key, answer: Answer) -> Answer:
    """Fleets of this namespace get that answer, the rest good ones."""

    async def answered(request: web.Request) -> web.StreamResponse:
        is_theirs = f'namespace="{key.namespace}"' in request.query["query"]
        return await answer(request) if is_theirs else await says(good())

    return answered


async def test_the_numbers_of_a_pod_are_read(stage: tuple[Stage, str]) -> None:
    (found,) = await source(stage[1]).samples(KEY, [POD])
    assert (found.running, found.waiting, found.pod, found.scraped) == (3.0, 1.0, "uid-a", NOW - 1)
    (asked,) = stage[0].asked
    assert asked.path == "/api/v1/query"
    assert 'namespace="team-a"' in asked.query["query"]
    assert "Authorization" not in asked.headers


async def test_an_empty_answer_is_a_silent_pod(stage: tuple[Stage, str]) -> None:
    stage[0].answer = lambda _: says({"status": "success", "data": {"resultType": "matrix", "result": []}})
    (found,) = await source(stage[1]).samples(KEY, [POD])
    assert not found.is_heard


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" " * 65_536)


async def dripping(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.2)


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(5)
    return web.Response()


async def elsewhere(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("http://169.254.169.254/latest")


async def cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"status"')
    assert request.transport
    request.transport.abort()
    return response


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(lambda _: says("unauthorized", 401), "refused: HTTP Status Code 401", id="not signed in"),
        pytest.param(lambda _: says("too many samples", 422), "refused: HTTP Status Code 422", id="refused"),
        pytest.param(lambda _: says("busy", 503), "refused: HTTP Status Code 503", id="busy"),
        pytest.param(elsewhere, "refused: HTTP Status Code 302", id="redirects"),
        pytest.param(lambda _: says("<html>"), "answers what no PromQL server does", id="a page"),
        pytest.param(lambda _: says("[" * 100_000), "answers what no PromQL server does", id="deep"),
        pytest.param(lambda _: says({"data": {"result": {}}}), "answers what no PromQL server does", id="no list"),
        pytest.param(lambda _: says({"data": {"result": [{}]}}), "answers what no PromQL server does", id="no series"),
        pytest.param(lambda _: says([]), "answers what no PromQL server does", id="no document"),
        pytest.param(never, "gave no answer", id="slow"),
        pytest.param(dripping, "gave no answer", id="drips"),
        pytest.param(cut, "cannot be reached", id="cuts off"),
        pytest.param(endless, "answers more than 16 MiB", id="endless"),
    ],
)
async def test_trouble_is_told_in_time(
    stage: tuple[Stage, str], monkeypatch: pytest.MonkeyPatch, answer: Answer, words: str
) -> None:
    monkeypatch.setattr(prometheus, "LARGEST_ANSWER_BYTES", 2**20)
    stage[0].answer = answer
    began = time.monotonic()
    assert (await cause(source(stage[1]))).startswith(f"metrics source main {words}")
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize(
    ("url", "members", "words"),
    [
        ("http://127.0.0.1:1", {}, "cannot be reached"),
        ("http://127.0.0.1:1", {"bearer_token_file": "/nowhere/token"}, "cannot be asked"),
        ("http://nowhere.invalid", {}, "cannot be reached"),
        ("https://127.0.0.1:1", {"ca_file": "/nowhere/ca"}, "cannot be asked"),
    ],
)
async def test_a_source_that_cannot_be_asked_says_why(url: str, members: dict, words: str) -> None:
    assert words in await cause(source(url, **members))


async def test_one_that_speaks_no_tls_is_not_believed(stage: tuple[Stage, str]) -> None:
    assert "certificate" in await cause(source(stage[1].replace("http:", "https:")))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(lambda _: says("too many samples", 422), "refused", id="refused"),
        pytest.param(lambda _: says("query timed out", 503), "refused", id="too slow for the server"),
        pytest.param(lambda _: says({"data": {"result": [{}]}}), "answers what no", id="malformed"),
        pytest.param(endless, "answers more than", id="too large"),
    ],
)
async def test_bad_answers_silence_the_fleets_that_get_them_and_no_other(
    stage: tuple[Stage, str], monkeypatch: pytest.MonkeyPatch, answer: Answer, words: str
) -> None:
    monkeypatch.setattr(prometheus, "LARGEST_ANSWER_BYTES", 2**20)
    bad = others(UNANSWERED_FLEETS + 1)
    stage[0].answer = only_of(bad[0], answer)
    made = source(stage[1])
    for each in bad:
        assert words in await cause(made, each)
        assert (await made.samples(KEY, [POD]))[0].is_heard
    assert len(stage[0].asked) == 2 * len(bad)


async def test_bad_answers_alone_are_no_silence(stage: tuple[Stage, str]) -> None:
    stage[0].answer = lambda _: says("busy", 503)
    made = source(stage[1])
    for each in others(3 * UNANSWERED_FLEETS):
        await cause(made, each)
    assert len(stage[0].asked) == 3 * UNANSWERED_FLEETS


@pytest.mark.parametrize(("silent", "heard"), [(UNANSWERED_FLEETS - 1, True), (UNANSWERED_FLEETS, False)])
async def test_some_that_get_no_answer_are_their_own_trouble_and_a_row_is_the_servers(
    stage: tuple[Stage, str], *, silent: int, heard: bool
) -> None:
    lost = others(silent)
    stage[0].answer = only_of(lost[0], cut)
    made = source(stage[1])
    for each in lost:
        assert "cannot be reached" in await cause(made, each)
    if heard:
        assert (await made.samples(KEY, [POD]))[0].is_heard
    else:
        assert "cannot be reached" in await cause(made)


async def test_an_answer_to_anybody_ends_a_row(stage: tuple[Stage, str]) -> None:
    lost = others(3 * UNANSWERED_FLEETS)
    stage[0].answer = only_of(lost[0], cut)
    made = source(stage[1])
    for each in lost:
        await cause(made, each)
        assert (await made.samples(KEY, [POD]))[0].is_heard


async def test_the_same_fleet_in_vain_is_no_row(stage: tuple[Stage, str]) -> None:
    (lost,) = others(1)
    stage[0].answer = only_of(lost, cut)
    made = source(stage[1])
    for _ in range(2 * UNANSWERED_FLEETS):
        await cause(made, lost)
    assert (await made.samples(KEY, [POD]))[0].is_heard


async def test_a_server_that_answers_nobody_is_asked_once_an_interval_however_many_fleets_there_are(
    stage: tuple[Stage, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage[0].answer = cut
    made = source(stage[1])
    assert len({await cause(made, each) for each in others(1000)}) == 1
    assert len(stage[0].asked) == UNANSWERED_FLEETS
    monkeypatch.setattr(made, "_failed", -1e9)
    assert len({await cause(made, each) for each in others(1000)}) == 1
    assert len(stage[0].asked) == UNANSWERED_FLEETS + 1
    stage[0].answer = lambda _: says(good())
    monkeypatch.setattr(made, "_failed", -1e9)
    for each in others(2 * UNANSWERED_FLEETS):
        assert (await made.samples(each, [POD]))[0].is_heard


async def test_at_a_server_that_hangs_few_wait_at_once_and_soon_nobody(stage: tuple[Stage, str]) -> None:
    stage[0].answer = never
    made = source(stage[1])
    assert len(set(await asyncio.gather(*(cause(made, each) for each in others(100))))) == 1
    waited = len(stage[0].asked)
    assert waited <= 4 * THREADS
    assert "gave no answer in time" in await cause(made)
    assert len(stage[0].asked) == waited


@pytest.mark.parametrize(
    ("members", "header"),
    [
        ({"bearer_token_file": "secret"}, "Bearer one"),
        ({"username": "llmfleet", "password_file": "secret"}, "Basic bGxtZmxlZXQ6b25l"),
    ],
)
async def test_it_signs_in_with_what_the_file_holds_now(
    stage: tuple[Stage, str], tmp_path: Path, members: dict, header: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("one\n")
    named = {key: str(secret) if value == "secret" else value for key, value in members.items()}
    made = source(stage[1], **named)
    await made.samples(KEY, [POD])
    secret.write_text("two\n")
    await made.samples(KEY, [POD])
    first, second = (asked.headers["Authorization"] for asked in stage[0].asked)
    assert first == header
    assert second != header


async def test_a_slow_source_holds_up_nothing_else(stage: tuple[Stage, str]) -> None:
    stage[0].answer = never
    slow = source(stage[1])
    asking = [asyncio.create_task(cause(slow)) for _ in range(12)]
    began = time.monotonic()
    await asyncio.to_thread(time.sleep, 0.01)
    assert time.monotonic() - began < 0.5
    assert len(set(await asyncio.gather(*asking))) == 1
