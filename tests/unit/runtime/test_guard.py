"""guard.py against a bare ASGI app: routes, the count, the polite leave."""

import asyncio
import json
import subprocess
import sys

import pytest

from llmfleet_runtime.guard import DRAIN_PATH, FLUSH_SECONDS, REUSE_SECONDS, STATE_PATH, Guard
from llmfleet_runtime.surface import MODELS_PATH, PROBES, SERVED, TASKS
from tests.unit.runtime.asgi import ELSEWHERE, LOOPBACK, TOKEN, App, Exchange, ask

SHOWN = [(b"x-llmfleet-token", TOKEN)]


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def app():
    return App()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def guard(app, clock, monkeypatch):
    monkeypatch.setenv("LLMFLEET_GUARD_TOKEN", TOKEN.decode())
    return Guard(app, clock)


async def drain(guard, mode):
    body = json.dumps({"mode": mode}).encode()
    return await ask(guard, DRAIN_PATH, method="POST", body=body, client=LOOPBACK, headers=SHOWN)


async def begin(guard, app, count=1, path="/v1/completions"):
    """Start requests that hang in the engine; returns their tasks and exchanges."""
    app.gate.clear()
    exchanges = [Exchange() for _ in range(count)]
    tasks = [asyncio.create_task(ask(guard, path, exchange=exchange)) for exchange in exchanges]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks, exchanges


@pytest.mark.proves("R72")
@pytest.mark.parametrize("path", sorted(SERVED | PROBES))
async def test_public_routes_are_open_to_everyone(guard, path):
    answer = await ask(guard, path)
    assert (answer.status, answer.body) == (200, b"one two")


@pytest.mark.proves("R72")
@pytest.mark.parametrize("task", TASKS)
async def test_a_model_of_one_task_has_no_route_of_another(app, monkeypatch, task):
    monkeypatch.setenv("LLMFLEET_TASK", task)
    guard = Guard(app)
    found = {path: (await ask(guard, path)).status for path in SERVED | PROBES}
    assert {path for path, status in found.items() if status == 200} == {MODELS_PATH} | PROBES | TASKS[task]
    assert {status for path, status in found.items() if path not in app.paths} == {404}


PRIVATE = [
    *("/metrics", "/tokenize", "/detokenize", "/invocations", "/adapters", "/v1/load_lora_adapter", "/docs", "/load"),
    *("/openapi.json", "/v1/completions/", "/v1//completions", "/V1/completions", "/sleep", "/", "", STATE_PATH),
    *(DRAIN_PATH, "/v1/completions/render", "/inference/v1/generate", "/v1/responses/resp_1", "/v1/models/tiny"),
]


@pytest.mark.proves("R72")
@pytest.mark.parametrize("path", PRIVATE)
@pytest.mark.parametrize(
    ("client", "headers"),
    [(ELSEWHERE, SHOWN), (LOOPBACK, ()), (LOOPBACK, [(b"x-llmfleet-token", b"guess")]), (None, SHOWN), (("x",), SHOWN)],
)
async def test_everything_else_is_hidden_without_loopback_and_token(guard, app, path, client, headers):
    answer = await ask(guard, path, client=client, headers=headers)
    assert (answer.status, app.paths) == (404, [])
    assert json.loads(answer.body)["error"]["type"] == "NotFoundError"


@pytest.mark.parametrize("client", [LOOPBACK, ("::1", 1), ("::ffff:127.0.0.1", 1), ("127.8.8.8", 1)])
async def test_the_launcher_reaches_the_engines_own_routes(guard, client):
    answer = await ask(guard, "/metrics", client=client, headers=SHOWN)
    assert (answer.status, guard.in_flight, guard.finished) == (200, 0, 0)


async def test_without_a_token_loopback_is_enough(app, monkeypatch):
    monkeypatch.delenv("LLMFLEET_GUARD_TOKEN", raising=False)
    assert (await ask(Guard(app), STATE_PATH, client=LOOPBACK)).status == 200
    assert (await ask(Guard(app), STATE_PATH, client=ELSEWHERE)).status == 404


async def test_websockets_are_refused_before_the_handshake(guard, app):
    answer = await ask(guard, "/v1/realtime", kind="websocket")
    assert (answer.messages, app.paths) == ([{"type": "websocket.close", "code": 1008}], [])


async def test_lifespan_passes(guard, app):
    await ask(guard, "", kind="lifespan")
    assert app.paths == [""]


async def test_a_stream_is_counted_until_its_last_byte(guard, app):
    tasks, _ = await begin(guard, app, 8)
    assert guard.in_flight == 8
    app.gate.set()
    await asyncio.gather(*tasks)
    assert (guard.in_flight, guard.finished, guard.aborted) == (0, 8, 0)


async def test_a_disconnect_ends_the_count(guard, app):
    tasks, exchanges = await begin(guard, app, 3)
    exchanges[1].gone.set()
    await asyncio.gather(tasks[1], return_exceptions=True)
    assert (guard.in_flight, guard.finished, guard.aborted) == (2, 0, 1)
    app.gate.set()
    app.error = None
    await asyncio.gather(tasks[0], tasks[2])
    assert (guard.in_flight, guard.finished, guard.aborted) == (0, 2, 1)


async def test_an_exception_ends_the_count(guard, app):
    app.error = RuntimeError("engine")
    with pytest.raises(RuntimeError):
        await ask(guard, "/v1/chat/completions")
    assert (guard.in_flight, guard.finished, guard.aborted) == (0, 0, 1)


async def test_a_cancelled_request_ends_the_count(guard, app):
    tasks, _ = await begin(guard, app, 1)
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (guard.in_flight, guard.aborted) == (0, 1)


async def test_an_app_that_lingers_after_its_last_byte_is_not_in_flight(clock):
    done = asyncio.Event()

    async def lingering(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"all"})
        await done.wait()

    guard = Guard(lingering, clock)
    task = asyncio.create_task(ask(guard, "/v1/completions"))
    await asyncio.sleep(0)
    assert (guard.in_flight, guard.finished) == (0, 1)
    done.set()
    await task
    assert (guard.in_flight, guard.finished, guard.aborted) == (0, 1, 0)


async def test_probes_are_not_counted(guard, app):
    tasks, _ = await begin(guard, app, 2, path="/health")
    assert guard.in_flight == 0
    app.gate.set()
    await asyncio.gather(*tasks)


async def test_an_open_guard_leaves_the_connection_alone(guard):
    assert (await ask(guard, "/v1/models")).messages[0]["headers"][1] == (b"Connection", b"keep-alive")


@pytest.mark.parametrize("path", ["/v1/completions", "/health", "/nowhere"])
async def test_closing_tells_every_client_to_close_and_still_serves(guard, path):
    await drain(guard, "closing")
    answer = await ask(guard, path)
    names = [name.lower() for name, _ in answer.messages[0]["headers"]]
    assert (answer.headers["connection"], names.count(b"connection")) == ("close", 1)
    assert answer.status == (404 if path == "/nowhere" else 200)


async def test_refusing_answers_503_with_the_time_to_come_back(guard, app):
    await drain(guard, "refusing")
    answer = await ask(guard, "/v1/completions", method="POST")
    assert (answer.status, app.paths) == (503, [])
    assert (answer.headers["retry-after"], answer.headers["connection"]) == ("1", "close")


async def test_refusing_lets_what_is_in_flight_finish_and_health_answer(guard, app):
    tasks, exchanges = await begin(guard, app, 2)
    await drain(guard, "refusing")
    app.gate.set()
    await asyncio.gather(*tasks)
    assert [exchange.body for exchange in exchanges] == [b"one two"] * 2
    assert (await ask(guard, "/health")).status == 200


@pytest.mark.parametrize("steps", [("closing", "closing"), ("closing", "refusing"), ("refusing", "refusing")])
async def test_the_drain_goes_forward(guard, steps):
    assert [(await drain(guard, step)).status for step in steps] == [200, 200]
    assert guard.mode == steps[-1]


@pytest.mark.parametrize("mode", ["open", "nonsense", None, 7])
async def test_the_drain_never_goes_back(guard, mode):
    await drain(guard, "closing")
    assert (await drain(guard, mode)).status == 400
    assert guard.mode == "closing"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"closing"', b"\xff", b"x" * 5000])
async def test_a_drain_without_a_mode_is_refused(guard, body):
    answer = await ask(guard, DRAIN_PATH, method="POST", body=body, client=LOOPBACK, headers=SHOWN)
    assert (answer.status, guard.mode) == (400, "open")


async def test_reading_the_drain_route_changes_nothing(guard):
    answer = await ask(guard, DRAIN_PATH, body=b'{"mode":"closing"}', client=LOOPBACK, headers=SHOWN)
    assert (answer.status, guard.mode) == (400, "open")


async def test_counts_start_with_the_drain_and_are_kept_through_it(guard, app):
    await ask(guard, "/v1/completions")
    tasks, _ = await begin(guard, app, 2)
    first = json.loads((await drain(guard, "closing")).body)
    app.gate.set()
    await asyncio.gather(*tasks)
    last = json.loads((await drain(guard, "refusing")).body)
    assert (first["inFlight"], first["finished"]) == (2, 0)
    assert (last["inFlight"], last["finished"], last["aborted"]) == (0, 2, 0)


async def test_a_connection_that_was_not_told_may_be_used_again_for_a_while(guard, app, clock):
    tasks, _ = await begin(guard, app)
    await drain(guard, "closing")
    assert guard.state()["quietSeconds"] == 0
    clock.now += 60
    app.gate.set()
    await asyncio.gather(*tasks)
    assert guard.state()["quietSeconds"] == REUSE_SECONDS
    clock.now += REUSE_SECONDS
    assert guard.state()["quietSeconds"] == 0


async def test_a_connection_that_was_told_needs_only_its_last_bytes(guard, clock):
    await drain(guard, "closing")
    clock.now += 60
    await ask(guard, "/v1/completions")
    assert guard.state()["quietSeconds"] == FLUSH_SECONDS


async def test_a_client_that_closes_by_itself_is_not_waited_for(guard):
    await ask(guard, "/v1/completions", headers=[(b"connection", b"Close")])
    assert guard.state()["quietSeconds"] == FLUSH_SECONDS


async def test_it_tells_how_long_no_request_has_been_in_flight(guard, app, clock):
    clock.now += 10
    assert guard.state()["idleSeconds"] == 10
    tasks, _ = await begin(guard, app)
    clock.now += 5
    assert guard.state()["idleSeconds"] == 0
    app.gate.set()
    await asyncio.gather(*tasks)
    clock.now += 7
    assert guard.state()["idleSeconds"] == 7


def test_the_guard_needs_the_standard_library_only():
    code = "import sys, llmfleet_runtime.guard; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    path = next(entry for entry in sys.path if entry.endswith("runtime"))
    found = subprocess.run(
        [sys.executable, "-S", "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert {*found.stdout.split()} - sys.stdlib_module_names <= {"__main__", "llmfleet_runtime"}
