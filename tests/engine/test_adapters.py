"""Adapters on the real engine: each forces one syllable, so that an answer shows whose weights gave it."""

import asyncio
import json
import os
import shutil
import signal
import urllib.error
import urllib.request
from dataclasses import dataclass, field

import aiohttp
import pytest

from e2e.engine import Flaw, tiny_adapter
from tests.engine.conftest import READY_SECONDS
from tests.engine.hub import COMMIT, TOKEN, hub

LORA = {"maxAdapters": 4, "maxPerBatch": 2, "maxRank": 16}
UNKNOWN_MODULE = ("gate_proj", "up_proj", "no_such_proj")


def pickled(folder):
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")


def cut(folder):
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def without(name):
    return lambda folder: (folder / name).unlink()


BROKEN = {
    "rank": ({"rank": 64}, None, "AdapterRankTooHigh", "rank 64 exceeds lora.maxRank 16"),
    "narrow": (
        {"hidden": 64},
        None,
        "AdapterBaseMismatch",
        "gate_proj.lora_A.weight is 8x64, this base model needs 8x128",
    ),
    "wide": ({"hidden": 256}, None, "AdapterBaseMismatch", "is 8x256, this base model needs 8x128"),
    "layers": ({"layer": 2}, None, "AdapterBaseMismatch", "this base model has no such layer"),
    "headless": ({"outer": "base_model.model."}, None, "AdapterBaseMismatch", "trained without the model's head"),
    "module": ({"modules": UNKNOWN_MODULE}, None, "AdapterRefused", "no_such_proj"),
    "dora": ({"config": {"use_dora": True}}, None, "AdapterUnsupported", "DoRA"),
    "whole": ({"config": {"modules_to_save": ["lm_head"]}}, None, "AdapterUnsupported", "modules_to_save: lm_head"),
    "bias": ({"config": {"bias": "all"}}, None, "AdapterUnsupported", "bias"),
    "pickle": ({}, pickled, "AdapterUnsupported", "adapter_model.bin may hold code"),
    "noconfig": ({}, without("adapter_config.json"), "AdapterNotFound", "no adapter_config.json"),
    "noweights": ({}, without("adapter_model.safetensors"), "AdapterNotFound", "no adapter_model.safetensors"),
    "cut": ({}, cut, "AdapterInvalid", "adapter_model.safetensors is cut"),
    "rankless": ({"config": {"r": None}}, None, "AdapterInvalid", "adapter_config.json has no r"),
}


@dataclass
class Adapted:
    """A pod, where its adapters come from, and the number of its live document."""

    pod: object
    model: object
    number: int = 0
    made: list = field(default_factory=list)

    def make(self, name, says="ba", rank=8, **flaw):
        """Write an adapter onto the claim; its entry of the live document."""
        tiny_adapter(self.place(name, says), self.model, says=says, rank=rank, flaw=Flaw(**flaw))
        return name, f"pvc://models/{name}-{says}"

    def place(self, name, says="ba"):
        return self.pod.folder / "claim" / f"{name}-{says}"

    def serve(self, *adapters):
        self.number += 1
        self.pod.serve_adapters(self.number, *adapters)

    def until_loaded(self, *names, seconds=30):
        self.pod.until(
            lambda: (
                list(self.pod.adapters()) == list(names)
                and {each.state for each in self.pod.adapters().values()} <= {"Loaded"}
            ),
            seconds,
        )

    def url(self, path="/v1/completions"):
        return f"http://127.0.0.1:{self.pod.serving}{path}"

    def ask(self, model, tokens=6):
        """The text, or the status that refuses."""
        body = {"model": model, "prompt": "hello", "max_tokens": tokens, "temperature": 0}
        request = urllib.request.Request(self.url(), json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["choices"][0]["text"]
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def models(self):
        return [each["id"] for each in json.loads(self.pod.get("/v1/models", self.pod.serving)[1])["data"]]


@pytest.fixture(scope="module")
def adapted(launch_real, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapted")
    repositories = {
        f"team/{name}": tiny_adapter(folder / "hub" / name, model, says=says)
        for name, says in (("public", "ki"), ("private", "lu"))
    }
    with hub(repositories) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", address)
        patch.setenv("HF_HOME", str(folder / "cache"))
        patch.setenv("HF_TOKEN", f"{TOKEN}\n")
        patch.delenv("HF_HUB_OFFLINE", raising=False)
        pod = launch_real(folder, lora=LORA)
        try:
            pod.until_ready(READY_SECONDS)
            yield Adapted(pod, model)
        finally:
            pod.destroy()


@pytest.fixture
def here(adapted):
    """The shared pod, without adapters before and after."""
    yield adapted
    adapted.serve()
    adapted.pod.until(lambda: adapted.models() == ["tiny"])


@pytest.mark.proves("R55")
def test_adapters_are_loaded_replaced_and_unloaded_while_the_engine_runs(here):
    engine, plain = here.pod.engine_pid(), here.ask("tiny")
    here.serve(here.make("sql"), here.make("chat", says="zo"))
    here.until_loaded("sql", "chat")
    assert (here.models(), here.ask("sql"), here.ask("chat")) == (["tiny", "sql", "chat"], "ba" * 6, "zo" * 6)
    here.serve(here.make("sql", says="fi"))
    here.until_loaded("sql")
    assert (here.ask("sql"), here.ask("chat"), here.ask("tiny")) == ("fi" * 6, 404, plain)
    assert here.pod.engine_pid() == engine


async def stream(session, here, texts, tokens=120):
    """One long answer; what it said, or how it failed."""
    body = {"model": "sql", "prompt": "hello", "max_tokens": tokens, "temperature": 0, "ignore_eos": True}
    async with session.post(here.url(), json=body) as answer:
        document = await answer.json()
        texts.append(document["choices"][0]["text"] if answer.status == 200 else f"{answer.status} {document}")


async def test_under_load_every_answer_is_whole_and_of_one_version(here):
    versions = [here.make("sql", says=says) for says in ("ba", "zo", "fi")]
    here.serve(versions[0])
    await asyncio.to_thread(here.until_loaded, "sql")
    texts, is_over = [], asyncio.Event()

    async def client():
        async with aiohttp.ClientSession() as session:
            while not is_over.is_set():
                await stream(session, here, texts)

    clients = [asyncio.create_task(client()) for _ in range(6)]
    for version in (*versions[1:], versions[0], versions[2]):
        told = len(texts)
        async with asyncio.timeout(30):
            while len(texts) <= told + len(clients):  # noqa: ASYNC110 because clients tell only by what they add
                await asyncio.sleep(0.1)
        here.serve(version)
        await asyncio.to_thread(here.until_loaded, "sql")
    is_over.set()
    await asyncio.gather(*clients)
    assert len(texts) >= 8
    assert {text for text in texts if text not in {says * 120 for says in ("ba", "zo", "fi")}} == set()
    assert {text[:2] for text in texts} == {"ba", "zo", "fi"}


async def test_an_answer_that_runs_ends_with_the_weights_it_began_with(here):
    here.serve(here.make("sql"))
    await asyncio.to_thread(here.until_loaded, "sql")
    texts, said = [], len(here.pod.output())
    async with aiohttp.ClientSession() as session:
        running = asyncio.create_task(stream(session, here, texts, 2000))
        await asyncio.sleep(0.1)
        here.serve()
        await asyncio.to_thread(here.pod.until, lambda: "unloaded" in here.pod.output()[said:])
        assert (running.done(), await asyncio.to_thread(here.ask, "sql")) == (False, 404)
        await running
    assert texts == ["ba" * 2000]


def is_of(told, reason, words):
    return told[0] == reason and words in told[1]


@pytest.mark.proves("F43", "S27", "S33")
def test_each_broken_adapter_has_its_reason_while_good_ones_serve_and_heals(here):
    engine, good = here.pod.engine_pid(), here.make("good")
    entries = []
    for name, (flaw, damage, _, _) in BROKEN.items():
        entries.append(here.make(name, rank=flaw.get("rank", 8), **{k: v for k, v in flaw.items() if k != "rank"}))
        if damage:
            damage(here.place(name))
    here.serve(*entries, good)
    here.pod.until(lambda: [each.state for each in here.pod.adapters().values()].count("Failed") == len(BROKEN), 30)
    here.pod.until(lambda: here.pod.adapters()["good"].state == "Loaded")
    told = {name: (each.reason, each.message) for name, each in here.pod.adapters().items() if name != "good"}
    expected = {name: (reason, words) for name, (_, _, reason, words) in BROKEN.items()}
    assert {name: reason for name, (reason, _) in told.items()} == {
        name: reason for name, (reason, _) in expected.items()
    }
    assert {name: told[name] for name in told if expected[name][1] not in told[name][1]} == {}
    assert (here.ask("good"), here.models(), here.pod.engine_pid()) == ("ba" * 6, ["tiny", "good"], engine)
    for name in BROKEN:
        here.make(name)
    here.until_loaded(*BROKEN, "good", seconds=40)


def test_more_adapters_than_memory_keeps_come_back_from_the_pods_own_files(here):
    says = ["ba", "zo", "fi", "ku", "le", "mi", "no"]
    here.serve(*(here.make(f"a{number}", says=text) for number, text in enumerate(says)))
    here.until_loaded(*(f"a{number}" for number in range(len(says))))
    shutil.rmtree(here.pod.folder / "claim")
    assert [here.ask(f"a{number}", 2) for number in range(len(says))] == [text * 2 for text in says]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing", "AdapterNotFound"), ("gated", "AdapterAccessDenied"), ("public@v9", "AdapterNotFound")],
)
def test_the_hubs_no_has_its_reason(here, name, reason):
    repository, _, revision = name.partition("@")
    here.serve(("sql", f"hf://team/{repository}", *([revision] if revision else [])))
    here.pod.until(lambda: "sql" in here.pod.adapters() and here.pod.adapters()["sql"].reason == reason)


def test_adapters_come_from_a_hub_also_private_ones(here):
    here.serve(("open", "hf://team/public"), ("mine", "hf://team/private", "main"))
    here.until_loaded("open", "mine")
    assert (here.ask("open"), here.ask("mine")) == ("ki" * 6, "lu" * 6)
    assert {each.commit for each in here.pod.adapters().values()} == {COMMIT}
    assert TOKEN not in here.pod.output()


@pytest.mark.proves("R72", "R73", "S31")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/load_lora_adapter"),
        ("POST", "/v1/unload_lora_adapter"),
        ("POST", "/adapters"),
        ("DELETE", "/adapters/sql"),
        ("POST", "/_llmfleet/names"),
    ],
)
def test_the_routes_that_change_adapters_stay_closed(here, method, path):
    body = {"lora_name": "x", "lora_path": "/etc", "name": "x", "src": "/etc", "names": {}}
    request = urllib.request.Request(
        here.url(path), json.dumps(body).encode(), {"Content-Type": "application/json"}, method=method
    )
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(request, timeout=10)


@pytest.mark.proves("S31")
def test_a_models_name_is_never_a_path(here):
    here.serve(here.make("sql"))
    here.until_loaded("sql")
    place = str(here.pod.folder / "adapters")
    for name in ("../claim/sql", "./sql", f"{place}/sql", "sql/../sql", "team/public"):
        assert here.ask(name) == 404
    assert here.ask("tiny")


def test_after_the_engines_death_the_next_start_is_ready_with_all_of_them(launch_real, model, tmp_path):
    """And needs no source: the pod's own files are there."""
    tiny_adapter(tmp_path / "claim" / "sql", model)
    first = launch_real(tmp_path, lora=LORA)
    second = None
    try:
        first.serve_adapters(1, ("sql", "pvc://models/sql"))
        first.until_ready(READY_SECONDS)
        first.until(lambda: first.adapters()["sql"].state == "Loaded")
        os.kill(first.engine_pid(), signal.SIGKILL)
        assert first.wait() == 70
        shutil.rmtree(tmp_path / "claim")
        second = launch_real(tmp_path, lora=LORA)
        second.until_ready(READY_SECONDS)
        assert (Adapted(second, model).models(), Adapted(second, model).ask("sql")) == (["tiny", "sql"], "ba" * 6)
    finally:
        for pod in (first, second):
            if pod:
                pod.destroy()
