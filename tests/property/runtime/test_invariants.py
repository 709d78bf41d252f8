"""What always holds: metrics as the official parser reads them, phases, the guard's count, the farewell's size."""

import asyncio
import math

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from llmfleet_runtime.contract import TERMINATION_MESSAGE_BYTES, ExitCode, Farewell, Phase
from llmfleet_runtime.farewell import farewell, fitted
from llmfleet_runtime.guard import Guard
from llmfleet_runtime.lifecycle import FINAL, Event, after
from llmfleet_runtime.load import report
from llmfleet_runtime.words import last_words
from tests.unit.runtime.asgi import Exchange, ask

LABEL = st.text(st.characters(exclude_characters='\n\\"', exclude_categories=["C", "Zl", "Zp"]), max_size=12)
VALUE = st.one_of(st.floats(width=32), st.integers(0, 10**12).map(float))
GAUGES = {"vllm:num_requests_running": "running", "vllm:num_requests_waiting": "waiting"}


@given(st.lists(st.tuples(st.sampled_from([*GAUGES, "vllm:other", "process_x"]), LABEL, VALUE), max_size=12))
def test_sums_are_those_of_the_official_parser(rows):
    page = "".join(f'{name}{{engine="{n}",model_name="{label}"}} {v!r}\n' for n, (name, label, v) in enumerate(rows))
    found = report(page, 0.0, 0)
    sums = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            sums.setdefault(sample.name, []).append(sample.value)
    for name, member in GAUGES.items():
        values = sums.get(name)
        good = values is not None and all(math.isfinite(value) and value >= 0 for value in values)
        assert getattr(found, member) == (sum(values) if good else None)


@given(st.text())
def test_no_page_breaks_the_reader(page):
    found = report(page, 0.0, 3)
    assert found.in_flight == 3
    assert found.to_json()


@given(st.lists(st.sampled_from(Event)))
def test_phases_go_forward_only(events):
    order = [Phase.STARTING, Phase.WARMING, Phase.READY, Phase.DRAINING, Phase.STOPPING]
    phase = Phase.STARTING
    for event in events:
        following = after(phase, event)
        assert phase not in FINAL or following == phase
        assert following == Phase.FAILED or order.index(following) >= order.index(phase)
        phase = following


@given(st.text(max_size=6000), st.text(max_size=6000))
def test_every_farewell_fits(message, output):
    text = fitted(farewell(ExitCode.ENGINE_DIED, message, output=output))
    assert len(text.encode()) <= TERMINATION_MESSAGE_BYTES
    assert Farewell.model_validate_json(text).exit_code == ExitCode.ENGINE_DIED


@given(st.text(max_size=400), st.integers(1, 200))
def test_last_words_are_never_longer_than_asked(output, most):
    assert len(last_words(output, most)) <= most


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["begin", "finish", "leave", "fail"])), max_size=30))
def test_the_count_is_exact_whatever_clients_do(steps):
    asyncio.run(_play(steps))


async def _play(steps):
    """Six clients begin, finish, leave and fail in any order; the guard must agree with a plain count."""
    ends: dict[int, tuple[asyncio.Future, asyncio.Task, Exchange]] = {}
    finished = aborted = 0

    async def app(_scope, receive, send):
        end = asyncio.get_running_loop().create_future()
        waiting.append(end)
        await receive()
        gone = asyncio.create_task(receive())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.wait({end, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if end.done() and end.result() == "finish":
            await send({"type": "http.response.body", "body": b""})
        elif end.done():
            raise ConnectionError

    waiting: list[asyncio.Future] = []
    guard = Guard(app)
    for client, step in steps:
        if step == "begin" and client not in ends:
            exchange = Exchange()
            task = asyncio.create_task(ask(guard, "/v1/completions", exchange=exchange))
            await asyncio.sleep(0)
            ends[client] = (waiting.pop(), task, exchange)
        elif step != "begin" and client in ends:
            end, task, exchange = ends.pop(client)
            exchange.gone.set() if step == "leave" else end.set_result(step)
            await asyncio.gather(task, return_exceptions=True)
            finished, aborted = finished + (step == "finish"), aborted + (step != "finish")
        assert (guard.in_flight, guard.finished, guard.aborted) == (len(ends), finished, aborted)
    for _, task, exchange in ends.values():
        exchange.gone.set()
        await asyncio.gather(task, return_exceptions=True)
    assert guard.in_flight == 0
