"""loopback.py: what the launcher asks the engine, against a small server."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from llmfleet_runtime.loopback import GuardState, Loopback
from llmfleet_runtime.surface import TASKS

STATE = {"mode": "closing", "inFlight": 3, "finished": 5, "aborted": 1, "quietSeconds": 0.25, "idleSeconds": 1.5}


class Engine:
    """Answers by path with a status and a body; keeps what it was asked."""

    def __init__(self):
        self.answers = {}
        self.asked = []

    async def handle(self, request):
        self.asked.append((request.path, request.headers.get("x-llmfleet-token"), await request.text()))
        status, body = self.answers.get(request.path, (404, "{}"))
        if isinstance(body, str):
            return web.Response(status=status, text=body, content_type="application/json")
        return web.json_response(body, status=status)


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
async def port(engine):
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", engine.handle)
    async with TestServer(app) as server:
        yield server.port


@pytest.fixture
async def loopback(port):
    client = Loopback(port, "secret", ("max_model_len",))
    yield client
    await client.close()


@pytest.fixture
async def nobody(unused_tcp_port):
    client = Loopback(unused_tcp_port, "secret", ("max_model_len",))
    yield client
    await client.close()


@pytest.mark.parametrize("status", [200, 503, 404])
async def test_health_is_what_the_server_says(loopback, engine, status):
    engine.answers["/health"] = (status, "")
    assert await loopback.health() == status


@pytest.mark.parametrize("task", TASKS)
async def test_a_task_is_tried_by_its_own_request_and_by_no_other(port, engine, task):
    client = Loopback(port, "secret", ("max_model_len",), task)
    assert (await client.try_request("tiny")).startswith("404")
    (path,) = {asked for asked, _, _ in engine.asked}
    assert path in TASKS[task]
    engine.answers[path] = (200, {})
    assert await client.try_request("tiny") == ""
    assert [asked for asked, _, _ in engine.asked] == [path, path]
    await client.close()


async def test_a_model_that_only_scores_scores_once(loopback, engine):
    engine.answers["/score"] = (200, {})
    assert await loopback.try_request("tiny") == ""
    assert [asked for asked, _, _ in engine.asked] == ["/v1/completions", "/v1/embeddings", "/score"]


async def test_a_generating_model_makes_one_token(loopback, engine):
    engine.answers["/v1/completions"] = (200, {})
    assert await loopback.try_request("tiny") == ""
    assert engine.asked == [("/v1/completions", "secret", '{"model": "tiny", "prompt": "Hello", "max_tokens": 1}')]


async def test_a_model_that_generates_nothing_makes_an_embedding(loopback, engine):
    engine.answers["/v1/embeddings"] = (200, {})
    assert await loopback.try_request("tiny") == ""


@pytest.mark.parametrize("status", [400, 500, 503])
async def test_a_failed_request_says_why(loopback, engine, status):
    engine.answers["/v1/completions"] = (status, '{"error": "no"}')
    assert await loopback.try_request("tiny") == f'{status}: {{"error": "no"}}'


async def test_the_guard_is_read_and_switched_with_the_token(loopback, engine):
    engine.answers = {"/_llmfleet/state": (200, STATE), "/_llmfleet/drain": (200, STATE)}
    assert await loopback.guard_state() == GuardState(3, 5, 1, 0.25, 1.5)
    assert await loopback.drain("closing") == GuardState(3, 5, 1, 0.25, 1.5)
    assert engine.asked[1] == ("/_llmfleet/drain", "secret", '{"mode": "closing"}')


@pytest.mark.parametrize("answer", [(404, STATE), (200, "x"), (200, {}), (200, []), (200, {**STATE, "inFlight": "x"})])
async def test_a_guard_that_talks_nonsense_is_unknown(loopback, engine, answer):
    engine.answers["/_llmfleet/state"] = answer
    assert await loopback.guard_state() is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((200, {"data": [{"max_model_len": 4096}]}), 4096),
        ((200, {"data": []}), None),
        ((200, {"data": [{}]}), None),
        ((200, {"data": [{"max_model_len": None}]}), None),
        ((500, "x"), None),
    ],
)
async def test_the_context_length_is_the_engines(loopback, engine, answer, expected):
    engine.answers["/v1/models"] = answer
    assert await loopback.max_model_len() == expected


async def test_metrics_come_whole_or_not_at_all(loopback, engine):
    engine.answers["/metrics"] = (200, "a 1\n")
    assert await loopback.metrics() == "a 1\n"
    engine.answers["/metrics"] = (500, "a 1\n")
    assert await loopback.metrics() is None


async def test_an_engine_that_is_not_there_is_no_exception(nobody):
    assert await nobody.health() is None
    assert "ClientConnectorError" in await nobody.try_request("tiny")
    answers = (
        await nobody.guard_state(),
        await nobody.drain("closing"),
        await nobody.metrics(),
        await nobody.max_model_len(),
    )
    assert answers == (None, None, None, None)
