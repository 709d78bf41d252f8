"""front.py: what a client sees of an engine behind a socket."""

import asyncio

import pytest
from aiohttp import web

from llmfleet_runtime.front import Relay
from tests.unit.runtime.asgi import Exchange, ask


class Engine:
    """A server on a socket: what it was asked, and an answer in parts whose last waits for ``gate``."""

    def __init__(self):
        self.asked = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.left = asyncio.Event()
        self.is_cut = False

    async def answer(self, request):
        self.asked.append((request.method, request.raw_path, request.headers, await request.read()))
        answer = web.StreamResponse(status=201, headers={"X-Own": "yes", "Connection": "close"})
        await answer.prepare(request)
        await answer.write(b"one ")
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.left.set()
            raise
        if self.is_cut:
            request.transport.close()
            return answer
        await answer.write(b"two")
        return answer


@pytest.fixture
async def behind(tmp_path):
    """An engine and the relay before it."""
    engine, socket = Engine(), str(tmp_path / "engine.sock")
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", engine.answer)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.UnixSite(runner, socket).start()
    relay = Relay(socket)
    yield engine, relay
    await relay.close()
    await runner.cleanup()


async def until(fact):
    while not fact():  # noqa: ASYNC110 because what is looked at knows no events
        await asyncio.sleep(0.01)


async def test_a_request_goes_on_byte_for_byte_and_its_answer_comes_back(behind):
    engine, relay = behind
    headers = [(b"host", b"x"), (b"content-type", b"a/b"), (b"connection", b"keep-alive"), (b"x-given", b"as it is")]
    found = await ask(relay, "/v1/completions", method="POST", body=b'{"a": 1}', headers=headers)
    method, path, given, body = engine.asked[0]
    assert (method, path, body) == ("POST", "/v1/completions", b'{"a": 1}')
    assert (given["content-type"], given["x-given"], given["Content-Length"]) == ("a/b", "as it is", "8")
    assert (found.status, found.body, found.headers["x-own"]) == (201, b"one two", "yes")
    assert {"connection", "transfer-encoding"} & set(found.headers) == set()


async def test_each_part_of_a_stream_comes_when_it_is_made(behind):
    engine, relay = behind
    engine.gate.clear()
    exchange = Exchange()
    asking = asyncio.create_task(ask(relay, "/v1/completions", exchange=exchange))
    await until(lambda: exchange.body == b"one ")
    engine.gate.set()
    await asking
    assert exchange.body == b"one two"


async def test_a_client_that_leaves_is_known_to_the_engine(behind):
    engine, relay = behind
    engine.gate.clear()
    exchange = Exchange()
    asking = asyncio.create_task(ask(relay, "/v1/completions", exchange=exchange))
    await until(lambda: exchange.body)
    exchange.gone.set()
    await asking
    await asyncio.wait_for(engine.left.wait(), 5)


async def test_an_answer_that_the_engine_cuts_is_cut(behind):
    engine, relay = behind
    engine.is_cut = True
    exchange = Exchange()
    with pytest.raises(Exception, match=r"payload|closed|disconnected"):
        await ask(relay, "/v1/completions", exchange=exchange)
    assert exchange.messages[-1].get("more_body", False)


async def test_an_engine_that_does_not_listen_yet_is_unavailable(tmp_path):
    relay = Relay(str(tmp_path / "none.sock"))
    found = await ask(relay, "/health")
    await relay.close()
    assert found.status == 503


async def test_a_client_that_left_while_it_sent_is_no_request(behind):
    engine, relay = behind

    async def receive():
        return {"type": "http.disconnect"}

    await relay({"type": "http", "path": "/v1/completions", "method": "POST", "headers": []}, receive, None)
    assert engine.asked == []
