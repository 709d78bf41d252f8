"""A ready pod with real vLLM: answers, counts, closed routes, pages."""

import asyncio
import json
import urllib.error
import urllib.request

import aiohttp
import pytest

from llmfleet_runtime.contract import LoadReport, Phase, RuntimeStatus
from tests.engine.clients import Tally, stream


def post(pod, path, document):
    request = urllib.request.Request(
        f"http://127.0.0.1:{pod.serving}{path}", json.dumps(document).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_it_says_what_the_engine_chose(pod):
    status = RuntimeStatus.model_validate_json(pod.get("/status")[1])
    assert (status.phase, status.max_model_len, status.engine_version) == (Phase.READY, 8192, "0.32.0+cpu")
    assert status.kv_cache_tokens > status.max_model_len


@pytest.mark.proves("R55")
def test_it_completes_and_chats(pod):
    text = post(pod, "/v1/completions", {"model": "tiny", "prompt": "hello", "max_tokens": 12, "temperature": 0})
    chat = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 12}
    assert text["usage"]["completion_tokens"] == 12
    assert post(pod, "/v1/chat/completions", chat)["choices"][0]["message"]["content"].strip().isascii()


def test_the_same_request_gives_the_same_text(pod):
    request = {"model": "tiny", "prompt": "hello", "max_tokens": 30, "temperature": 0}
    first, second = (post(pod, "/v1/completions", request)["choices"][0]["text"] for _ in range(2))
    assert first == second


def load(pod):
    return LoadReport.model_validate_json(pod.get("/load")[1])


async def settled_tokens(pod):
    """Tokens counted once nothing runs any more: the engine ends what a client left a little later."""
    known = -1
    while (found := await asyncio.to_thread(load, pod)).running or found.generation_tokens != known:
        known = found.generation_tokens
        await asyncio.sleep(1)
    return known


async def test_eight_streams_are_eight_in_flight_and_then_none(pod):
    tally, url = Tally(), f"http://127.0.0.1:{pod.serving}/v1/completions"
    before = await settled_tokens(pod)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        streams = [asyncio.create_task(stream(session, url, 1500, tally)) for _ in range(8)]
        seen = []
        while not all(task.done() for task in streams):
            seen.append((await asyncio.to_thread(load, pod)).in_flight)
            await asyncio.sleep(0.3)
    assert (tally.whole, tally.failures, max(seen)) == (8, [], 8)
    await asyncio.sleep(0.6)
    after = load(pod)
    assert (after.in_flight, after.running, after.waiting) == (0, 0, 0)
    assert after.generation_tokens - before == 12000
    assert after.time_to_first_token.count >= 8
    assert after.time_per_output_token.count > 1000


async def test_a_client_that_leaves_is_not_in_flight(pod):
    url = f"http://127.0.0.1:{pod.serving}/v1/completions"
    async with aiohttp.ClientSession() as session:
        body = {"model": "tiny", "prompt": "x", "max_tokens": 6000, "stream": True}
        answer = await session.post(url, json=body)
        await answer.content.readany()
        await asyncio.sleep(0.6)
        assert (await asyncio.to_thread(load, pod)).in_flight == 1
        answer.close()
    await asyncio.sleep(1.2)
    assert (await asyncio.to_thread(load, pod)).in_flight == 0


@pytest.mark.proves("R72")
@pytest.mark.parametrize(
    "path",
    [
        *("/invocations", "/tokenize", "/detokenize", "/metrics", "/load", "/docs", "/openapi.json", "/redoc"),
        *(
            "/v1/load_lora_adapter",
            "/adapters",
            "/kv_event_sources",
            "/is_scaling_elastic_ep",
            "/sleep",
            "/server_info",
        ),
        *("/v1/chat/completions/render", "/inference/v1/generate", "/_llmfleet/state", "/_llmfleet/drain"),
    ],
)
def test_the_engines_other_routes_are_closed(pod, path):
    assert pod.get(path, pod.serving)[0] == 404
    with pytest.raises(urllib.error.HTTPError, match="404"):
        post(pod, path, {"mode": "refusing"})


@pytest.mark.parametrize("path", ["/health", "/ping", "/version", "/v1/models"])
def test_public_pages_are_open(pod, path):
    assert pod.get(path, pod.serving)[0] == 200


def test_the_metrics_page_is_the_engines(pod):
    code, page = pod.get("/metrics")
    assert code == 200
    assert "vllm:num_requests_running" in page
