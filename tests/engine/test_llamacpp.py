"""A pod with llama.cpp's real server behind the front: the same contract as every pod's."""

import asyncio
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import aiohttp
import pytest

from e2e.engine import clients, llamacpp, tiny_gguf
from llmfleet_runtime.contract import ExitCode, LoadReport, Phase, RuntimeStatus
from llmfleet_runtime.engines.llamacpp import LLAMACPP, SWITCHES
from llmfleet_runtime.measures import missing
from llmfleet_runtime.surface import PROBES, SERVED
from tests.engine.clients import Tally, leave_under_load, stream
from tests.engine.hub import COMMIT, hub
from tests.engine.pictures import DOT, ask, host, looking
from tests.engine.test_serving import post
from tests.unit.runtime.launched import launch

READY_SECONDS = 30
LAG_SECONDS = 3.0


@pytest.fixture(scope="module")
def environment():
    return llamacpp()


@pytest.fixture(scope="module")
def weights(model, tmp_path_factory):
    return tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf", model)


def document(weights):
    return {"engine": "LlamaCpp", "model": str(weights), "maxModelLen": 4096, "maxConcurrency": 4}


@pytest.fixture
def start(environment, weights, tmp_path):
    """Start launchers that are gone after the test."""
    started = []

    def begin(**members):
        started.append(launch(tmp_path, document(weights) | members, python=str(environment / "bin" / "python3")))
        return started[-1]

    yield begin
    for pod in started:
        pod.destroy()


@pytest.fixture(scope="module")
def pod(environment, weights, tmp_path_factory):
    """One that a module's tests share and leave as it was."""
    found = launch(tmp_path_factory.mktemp("pod"), document(weights), python=str(environment / "bin" / "python3"))
    try:
        found.until_ready(READY_SECONDS)
        yield found
    finally:
        found.destroy()


@pytest.fixture
def doomed(start):
    found = start()
    found.until_ready(READY_SECONDS)
    return found


def url(pod):
    return f"http://127.0.0.1:{pod.serving}/v1/completions"


def load(pod):
    return LoadReport.model_validate_json(pod.get("/load")[1])


async def settled(pod, requests):
    """Once so many are known to the guard and to the engine."""
    deadline = time.monotonic() + 10
    while ((found := await asyncio.to_thread(load, pod)).in_flight, found.running) != (requests, requests):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.2)


def server_of(pod):
    """The engine's own process, behind the front."""
    front = pod.engine_pid()
    return int(Path(f"/proc/{front}/task/{front}/children").read_text().split()[0])


def test_it_answers_streams_and_says_what_it_is(pod):
    status = RuntimeStatus.model_validate_json(pod.get("/status")[1])
    assert (status.phase, status.engine, status.max_model_len) == (Phase.READY, "llamacpp", 4096)
    assert (status.engine_version, status.quantization, status.warnings) == ("0.1.0-dev+cpu", "gguf, F32", None)
    request = {"model": "tiny", "prompt": "hello", "max_tokens": 12, "temperature": 0}
    first, second = (post(pod, "/v1/completions", request) for _ in range(2))
    assert first["usage"]["completion_tokens"] == 12
    assert first["choices"][0]["text"] == second["choices"][0]["text"]
    chat = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 12}
    assert post(pod, "/v1/chat/completions", chat)["choices"][0]["message"]["content"].strip().isascii()
    assert pod.get("/v1/models", pod.serving)[0] == 200


def test_its_page_has_every_measure_that_we_read(pod):
    assert missing(LLAMACPP, pod.get("/metrics")[1]) == ()


def test_only_public_routes_are_open_and_the_server_itself_listens_on_no_port(pod):
    routes = ["/", "/slots", "/props", "/metrics", "/lora-adapters", "/completion", "/infill", "/tokenize",
              "/apply-template", "/models", "/models/load", "/api/show", "/cors-proxy", "/tools"]  # fmt: skip
    assert {path: pod.get(path, pod.serving)[0] for path in routes} == dict.fromkeys(routes, 404)
    assert not {*routes} & (SERVED | PROBES)
    links = [str(each.readlink()) for each in Path(f"/proc/{server_of(pod)}/fd").iterdir()]
    held = {each.removeprefix("socket:[").removesuffix("]") for each in links if each.startswith("socket:[")}
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    assert held & {line[9] for line in lines} == set()


async def test_twelve_clients_on_four_slots_are_counted_and_their_pages_come(pod):
    tally = Tally()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        streams = [asyncio.create_task(stream(session, url(pod), 600, tally)) for _ in range(12)]
        seen = []
        while not any(each.waiting == 8 for each in seen):
            await asyncio.sleep(0.1)
            assert not all(each.done() for each in streams), (seen, tally.failures)
            seen.append(await asyncio.to_thread(load, pod))
        await asyncio.gather(*streams)
    full = [each for each in seen if each.waiting == 8]
    assert {(each.in_flight, each.running) for each in full} == {(12, 4.0)}
    assert (tally.whole, tally.failures) == (12, [])
    # Tokens are only counted at the end of a request; the steps show that it moves.
    steps = [each.steps for each in seen if each.running]
    assert steps == sorted(steps)


async def test_a_client_that_leaves_gives_its_slot_back(pod):
    async with aiohttp.ClientSession() as session:
        body = {"model": "tiny", "prompt": "hello", "max_tokens": 3900, "stream": True}
        async with session.post(url(pod), json=body) as answer:
            await answer.content.readany()
            await settled(pod, 1)
    await settled(pod, 0)


async def test_clients_lose_nothing_when_their_pod_leaves(start):
    pod = start(endpointLagSeconds=LAG_SECONDS)
    await asyncio.to_thread(pod.until_ready, READY_SECONDS)
    await leave_under_load(pod, 8, LAG_SECONDS)


async def test_a_long_answer_ends_at_the_deadline_and_counts_as_aborted(start):
    pod = start(endpointLagSeconds=0.5, drainTimeoutSeconds=2)
    await asyncio.to_thread(pod.until_ready, READY_SECONDS)
    tally = Tally()
    async with aiohttp.ClientSession() as session:
        streams = [asyncio.create_task(stream(session, url(pod), 4000, tally)) for _ in range(8)]
        await asyncio.sleep(1)
        pod.terminate()
        await asyncio.gather(*streams)
    assert await asyncio.to_thread(pod.wait, 30) == ExitCode.STOPPED
    farewell = pod.farewell()
    assert (farewell.in_flight_at_start, farewell.finished + farewell.aborted) == (8, 8)
    assert farewell.aborted == len(tally.failures) > 0


def test_a_server_that_is_killed_is_told_by_its_signal_and_leaves_nothing_behind(doomed):
    front = doomed.engine_pid()
    os.kill(server_of(doomed), signal.SIGKILL)
    assert doomed.wait(20) == ExitCode.ENGINE_DIED
    assert "by signal 9 (SIGKILL)" in doomed.farewell().message
    assert not Path(f"/proc/{front}").exists()


def test_a_front_that_is_killed_takes_its_server_along(doomed):
    server = server_of(doomed)
    os.kill(doomed.engine_pid(), signal.SIGKILL)
    assert doomed.wait(20) == ExitCode.ENGINE_DIED
    deadline = time.monotonic() + 5
    while Path(f"/proc/{server}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[: len(data) // 2], "data is not within the file bounds, model is corrupted or incomplete"),
        (lambda data: data.replace(b"llama", b"lamas", 1), "unknown model architecture: 'lamas'"),
        (lambda data: b"JUNK" + data[4:], "invalid magic characters"),
    ],
    ids=["cut", "unknown architecture", "no model"],
)
def test_a_broken_model_is_told_in_the_engines_words(start, weights, tmp_path, change, words):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(change(weights.read_bytes()))
    pod = start(model=str(broken))
    assert pod.wait(30) == ExitCode.ENGINE_DIED
    assert words in pod.farewell().message.splitlines()[1]


def test_a_model_in_another_format_never_starts(start, model):
    pod = start(model=str(model))
    assert pod.wait(30) == ExitCode.BAD_CONFIG
    assert "holds no GGUF file, and this engine serves no other" in pod.farewell().message


def test_a_model_of_a_hub_is_fetched_and_served(start, weights, tmp_path, monkeypatch):
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "tiny.gguf").symlink_to(weights)
    (folder / "README.md").write_text("tiny")
    with hub({"team/tiny": folder}) as address:
        variables = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hf"), "LLMFLEET_CLIENTS_FOLDER": str(clients())}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        pod = start(model="team/tiny")
        pod.until_ready(READY_SECONDS)
    assert RuntimeStatus.model_validate_json(pod.get("/status")[1]).commit == COMMIT
    request = {"model": "tiny", "prompt": "hello", "max_tokens": 3}
    assert post(pod, "/v1/completions", request)["usage"]["completion_tokens"] == 3


@pytest.mark.proves("R74")
def test_a_projector_beside_the_model_is_left_alone_and_no_picture_is_fetched(start, weights, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("tiny.gguf", "mmproj-tiny.gguf"):
        (folder / name).symlink_to(weights)
    pod = start(model=str(folder))
    pod.until_ready(READY_SECONDS)
    with host() as other:
        addresses = (f"http://127.0.0.1:{other.port}/dot.png", "file:///etc/passwd", DOT)
        told = [ask(pod, "/v1/chat/completions", looking(address)) for address in addresses]
    assert [text for status, text in told if status < 400 or "image input is not supported" not in text] == []
    assert other.asked == []


def test_a_chat_template_of_ones_own_is_used(start, monkeypatch):
    monkeypatch.setenv("LLMFLEET_CHAT_TEMPLATE", "{{ messages[0]['content'] * 3 }}")
    pod = start()
    pod.until_ready(READY_SECONDS)
    chat = {"model": "tiny", "messages": [{"role": "user", "content": "ba"}], "max_tokens": 1}
    plain = {"model": "tiny", "prompt": "bababa", "max_tokens": 1}
    used = post(pod, "/v1/chat/completions", chat)["usage"]["prompt_tokens"]
    assert used == post(pod, "/v1/completions", plain)["usage"]["prompt_tokens"]


def test_every_free_argument_is_one_of_its_parsers(environment):
    shown = subprocess.run([environment / "bin" / "llama-server", "--help"], capture_output=True, text=True, check=True)
    words = set(shown.stdout.replace(",", " ").split())
    options = [f"--{name}" for name in LLAMACPP.arguments] + [f"--no-{name}" for name in SWITCHES]
    assert [each for each in options if each not in words] == []


def test_the_launchers_python_can_download_from_everywhere(environment):
    modules = "boto3, google.cloud.storage, httpx2, huggingface_hub, oras.provider, uvicorn"
    program = [environment / "bin" / "python3", "-W", "ignore", "-c", f"import {modules}"]
    found = subprocess.run(program, env={"PYTHONPATH": str(clients())}, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


def test_its_own_list_of_models_is_json_that_clients_can_read(pod):
    listed = json.loads(pod.get("/v1/models", pod.serving)[1])
    assert [each["id"] for each in listed["data"]] == ["tiny"]
