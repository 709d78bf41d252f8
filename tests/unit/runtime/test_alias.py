"""Public names of adapters in the guard: requests reach the present version, listings show names only."""

import json

import pytest

from llmfleet_runtime.guard import NAMES_PATH, Guard
from tests.unit.runtime.asgi import LOOPBACK, TOKEN, Exchange, ask, scope

SHOWN = [(b"x-llmfleet-token", TOKEN)]
COMPLETIONS = "/v1/completions"
CARDS = [
    {"id": "tiny", "parent": None},
    {"id": "sql@1", "parent": "tiny"},
    {"id": "sql@2", "parent": "tiny"},
    {"id": "chat@1", "parent": "tiny"},
]


class Echo:
    """An engine that answers with the body it got, and with a list of models."""

    def __init__(self):
        self.scope = None

    async def __call__(self, scope, receive, send):
        self.scope = scope
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if scope["path"] == "/v1/models":
            body = json.dumps({"object": "list", "data": CARDS}).encode()
        half = len(body) // 2
        headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body[:half], "more_body": True})
        await send({"type": "http.response.body", "body": body[half:]})


@pytest.fixture
def engine():
    return Echo()


@pytest.fixture
def guard(engine, monkeypatch):
    monkeypatch.setenv("LLMFLEET_GUARD_TOKEN", TOKEN.decode())
    return Guard(engine)


async def point(guard, names, **changes):
    order = {"client": LOOPBACK, "headers": SHOWN, **changes}
    return await ask(guard, NAMES_PATH, method="POST", body=json.dumps({"names": names}).encode(), **order)


async def completed(guard, body):
    headers = [(b"content-length", str(len(body)).encode()), (b"x-mine", b"kept")]
    return (await ask(guard, COMPLETIONS, method="POST", body=body, headers=headers)).body


async def test_a_request_for_a_name_reaches_its_version(guard, engine):
    await point(guard, {"sql": "sql@2"})
    body = await completed(guard, b'{"prompt": "\xc3\xa4", "model": "sql", "max_tokens": 3}')
    assert json.loads(body) == {"prompt": "ä", "model": "sql@2", "max_tokens": 3}
    headers = dict(engine.scope["headers"])
    assert (headers[b"content-length"], headers[b"x-mine"]) == (str(len(body)).encode(), b"kept")


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "tiny", "prompt": "sql"}',
        b'{"model": "chat"}',
        b'{"model": "\\u0063hat"}',
        b'{"model": "sql@1"}',
        b'{"model":  "tiny", "metadata": {"model": "sql"}}',
        b'{"prompt": "{\\"model\\": \\"sql\\"}", "model": "tiny"}',
        b'{"model": "sql"',
        b'["model", {"model": "sql"}]',
        b"",
        b"\xff\xfe",
    ],
)
async def test_every_other_request_passes_byte_for_byte(guard, body):
    await point(guard, {"sql": "sql@2"})
    assert await completed(guard, body) == body


@pytest.mark.parametrize("name", [rb"\u0073ql", rb"s\u0071l", rb"sq\u006C", rb"\u0073\u0071\u006c"])
async def test_a_name_in_escapes_is_the_same_name(guard, name):
    await point(guard, {"sql": "sql@2"})
    assert json.loads(await completed(guard, b'{"model":"' + name + b'"}')) == {"model": "sql@2"}


async def test_a_body_in_parts_is_put_together(guard):
    await point(guard, {"sql": "sql@2"})
    parts = [b'{"mod', b'el":"s', b'ql"}']
    inbox = [{"type": "http.request", "body": part, "more_body": True} for part in parts[:-1]]
    inbox.append({"type": "http.request", "body": parts[-1]})
    exchange = Exchange()

    async def receive():
        return inbox.pop(0)

    async def send(message):
        exchange.messages.append(message)

    await guard(scope(COMPLETIONS, method="POST"), receive, send)
    assert json.loads(exchange.body) == {"model": "sql@2"}


async def test_a_client_that_leaves_midway_is_no_longer_in_flight(guard):
    await point(guard, {"sql": "sql@2"})
    inbox = [{"type": "http.request", "body": b'{"model"', "more_body": True}, {"type": "http.disconnect"}]
    seen = []

    async def engine(scope, receive, send):
        seen.extend([await receive(), await receive()])

    async def receive():
        return inbox.pop(0)

    guard.app = engine
    await guard(scope(COMPLETIONS, method="POST"), receive, None)
    assert [each["type"] for each in seen] == ["http.request", "http.disconnect"]
    assert (guard.in_flight, guard.aborted) == (0, 1)


async def models(guard, **changes):
    answer = await ask(guard, "/v1/models", **changes)
    assert answer.headers["content-length"] == str(len(answer.body))
    return [each["id"] for each in json.loads(answer.body)["data"]]


async def test_a_listing_shows_public_names_and_no_versions(guard):
    await point(guard, {"sql": "sql@2"})
    assert await models(guard) == ["tiny", "sql"]
    await point(guard, {"sql": "sql@1", "chat": "chat@1"})
    assert await models(guard) == ["tiny", "sql", "chat"]
    await point(guard, {})
    assert await models(guard) == ["tiny"]


async def test_the_launcher_sees_the_engines_own_list_and_counts_as_nobody(guard):
    await point(guard, {"sql": "sql@2"})
    idle_at = guard.idle_at
    assert await models(guard, client=LOOPBACK, headers=SHOWN) == ["tiny", "sql@1", "sql@2", "chat@1"]
    assert (guard.idle_at, guard.finished) == (idle_at, 0)


async def test_a_listing_that_is_none_passes(guard):
    async def broken(scope, receive, send):
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"oh"})

    await point(guard, {})
    guard.app = broken
    answer = await ask(guard, "/v1/models")
    assert (answer.status, answer.body) == (500, b"oh")


@pytest.mark.proves("R72")
@pytest.mark.parametrize("changes", [{"client": ("198.18.0.9", 1)}, {"headers": ()}])
async def test_nobody_but_the_launcher_sets_names(guard, changes):
    assert (await point(guard, {"sql": "tiny"}, **changes)).status == 404
    assert not guard.names.is_used


@pytest.mark.parametrize("names", [None, [], "sql", {"sql": 1}])
async def test_an_order_that_is_none_changes_nothing(guard, names):
    await point(guard, {"sql": "sql@2"})
    assert (await point(guard, names)).status == 400
    assert await models(guard) == ["tiny", "sql"]
