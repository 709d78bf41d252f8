"""upkeep.py over an engine in memory: hot load, replace, unload, refusals, silence, one step at a time."""

import asyncio
import time

import pytest

from llmfleet_runtime import upkeep as module
from llmfleet_runtime.contract import Adapter, AdapterReason, LiveConfig
from llmfleet_runtime.preflight import AdapterRefused
from llmfleet_runtime.upkeep import Upkeep


class Engine:
    """What vLLM does with adapters, with a list of what it was told."""

    def __init__(self):
        self.loaded, self.names, self.told = {}, {}, []
        self.refuses, self.is_silent, self.busy = set(), False, 0

    async def adapters(self):
        return None if self.is_silent else frozenset(self.loaded)

    async def _do(self, what):
        self.busy += 1
        assert self.busy == 1, "two steps at once"
        await asyncio.sleep(0.001)
        self.busy -= 1
        self.told.append(what)

    async def load_adapter(self, name, path):
        await self._do(f"load {name}")
        if name in self.refuses:
            return "500: LoRA rank 64 is greater than max_lora_rank 16."
        self.loaded[name] = path
        return ""

    async def unload_adapter(self, name):
        await self._do(f"unload {name}")
        del self.loaded[name]
        return ""

    async def point(self, names):
        await self._do(f"point {sorted(names.values())}")
        assert set(names.values()) <= set(self.loaded)
        self.names = dict(names)
        return True


class Shelf:
    """Files that are there, or are refused."""

    def __init__(self):
        self.refuses, self.discarded, self.raises = {}, [], None

    def put(self, adapter, base, max_rank):
        assert (base, max_rank) == ({"m": (1, 2)}, 16)
        if self.raises:
            raise self.raises
        if adapter.version in self.refuses:
            raise AdapterRefused(AdapterReason.INVALID, self.refuses[adapter.version])
        return f"/shelf/{adapter.version}"

    def commit(self, adapter):
        return "0123abcd" if adapter.uri.startswith("hf://") else None

    def discard(self, adapter):
        self.discarded.append(adapter.version)


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
async def keep(engine, shelf, monkeypatch):
    """An upkeep that runs; time passes a hundred times as fast."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.02)
    monkeypatch.setattr("llmfleet_runtime.adapters.FIRST_WAIT_SECONDS", 0.02)
    asked = []
    keep = Upkeep(engine, shelf, lambda: asked.append(1) or {"m": (1, 2)}, 16)
    task = asyncio.create_task(keep.follow(asyncio.Event()))
    yield keep
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(asked) <= 1


def adapter(name, uri="file:///1"):
    return Adapter(name=name, uri=uri)


def want(keep, *adapters):
    keep.want(LiveConfig(adapters=adapters))


async def until(fact):
    async with asyncio.timeout(5):
        while not fact():  # noqa: ASYNC110 because the engine is the event
            await asyncio.sleep(0.005)


SQL, CHAT, NEW = adapter("sql"), adapter("chat"), adapter("sql", "file:///2")


async def test_what_is_wanted_is_loaded_and_named(keep, engine):
    want(keep, SQL, CHAT)
    await until(lambda: set(engine.names) == {"sql", "chat"})
    assert engine.loaded[SQL.version] == f"/shelf/{SQL.version}"
    assert [each.state for each in keep.report()] == ["Loaded", "Loaded"]


async def test_the_commit_of_a_hub_is_told(keep, engine):
    want(keep, SQL, adapter("chat", "hf://team/chat"))
    await until(lambda: len(engine.names) == 2)
    assert [each.commit for each in keep.report()] == [None, "0123abcd"]


async def test_a_new_version_takes_the_name_before_the_old_one_goes(keep, engine):
    want(keep, SQL)
    await until(lambda: engine.names)
    engine.told.clear()
    want(keep, NEW)
    await until(lambda: set(engine.loaded) == {NEW.version})
    assert engine.told == [f"load {NEW.version}", f"point ['{NEW.version}']", f"unload {SQL.version}"]


async def test_what_is_no_longer_wanted_goes(keep, engine):
    want(keep, SQL, CHAT)
    await until(lambda: len(engine.names) == 2)
    want(keep, CHAT)
    await until(lambda: set(engine.loaded) == {CHAT.version})
    assert engine.names == {"chat": CHAT.version}


async def test_a_document_that_says_nothing_of_adapters_changes_nothing(keep, engine):
    want(keep, SQL)
    await until(lambda: engine.names)
    keep.want(LiveConfig())
    assert [each.name for each in keep.report()] == ["sql"]


@pytest.mark.proves("F43")
async def test_a_broken_one_among_good_ones_says_why_and_heals(keep, engine, shelf):
    shelf.refuses[SQL.version] = "adapter_model.safetensors is cut"
    want(keep, SQL, CHAT)
    await until(lambda: engine.names)
    broken, good = keep.report()
    assert (broken.state, broken.reason, broken.message) == ("Failed", "AdapterInvalid", shelf.refuses[SQL.version])
    assert good.state == "Loaded"
    shelf.refuses.clear()
    await until(lambda: "sql" in engine.names)
    assert keep.report()[0].message == ""


async def test_the_engines_no_is_told_in_its_words_and_the_last_version_serves_on(keep, engine, shelf):
    want(keep, SQL)
    await until(lambda: engine.names)
    engine.refuses.add(NEW.version)
    want(keep, NEW)
    await until(lambda: shelf.discarded)
    (told,) = keep.report()
    assert (told.state, told.reason, told.serving) == ("Failed", "AdapterRefused", SQL.key)
    assert "LoRA rank 64 is greater than max_lora_rank 16." in told.message
    assert engine.names == {"sql": SQL.version}


async def test_whatever_a_client_library_raises_is_one_adapters_trouble(keep, engine, shelf):
    shelf.raises = ZeroDivisionError("hub")
    want(keep, SQL)
    await until(lambda: keep.report()[0].reason)
    assert keep.report()[0].reason == "AdapterDownloadFailed"
    assert "hub" in keep.report()[0].message


async def test_after_a_restart_of_the_engine_all_come_back(keep, engine):
    want(keep, SQL, CHAT)
    await until(lambda: len(engine.names) == 2)
    engine.loaded.clear()
    engine.names = {}
    await until(lambda: len(engine.names) == 2 and len(engine.loaded) == 2)


async def test_a_silent_engine_is_waited_for(keep, engine):
    engine.is_silent = True
    want(keep, SQL)
    await asyncio.sleep(0.05)
    assert (engine.loaded, keep.report()[0].state) == ({}, "Loading")
    engine.is_silent = False
    await until(lambda: engine.names)


async def test_a_first_round_ends_when_each_was_tried(engine, shelf, monkeypatch):
    shelf.refuses[SQL.version] = "is cut"
    keep = Upkeep(engine, shelf, lambda: {"m": (1, 2)}, 16)
    want(keep, SQL, CHAT)
    await asyncio.wait_for(keep.first_round(60), 5)
    assert [each.state for each in keep.report()] == ["Failed", "Loaded"]


async def test_a_first_round_names_nothing_where_nothing_is_wanted(engine, shelf):
    keep = Upkeep(engine, shelf, dict, 16)
    await asyncio.wait_for(keep.first_round(60), 5)
    assert engine.told == ["point []"]


async def test_a_first_round_does_not_wait_for_a_hub_that_hangs(engine, shelf, monkeypatch):
    monkeypatch.setattr(shelf, "put", lambda *_: time.sleep(1))
    keep = Upkeep(engine, shelf, dict, 16)
    want(keep, SQL)
    began = time.monotonic()
    await keep.first_round(0.1)
    assert time.monotonic() - began < 0.5
    assert keep.report()[0].state == "Loading"


async def test_what_the_first_round_began_is_ended_before_the_next_step(engine, shelf, monkeypatch):
    puts = []
    monkeypatch.setattr(shelf, "put", lambda each, *_: puts.append(each.version) or time.sleep(0.3) or "/shelf")
    keep = Upkeep(engine, shelf, dict, 16)
    want(keep, SQL)
    await keep.first_round(0.1)
    following = asyncio.create_task(keep.follow(asyncio.Event()))
    await until(lambda: engine.names)
    following.cancel()
    assert puts == [SQL.version]


async def test_files_that_never_come_hold_up_the_others_for_a_time_only(keep, engine, shelf, monkeypatch):
    monkeypatch.setattr(module, "FETCH_SECONDS", 0.1)
    put = shelf.put
    monkeypatch.setattr(shelf, "put", lambda each, *rest: time.sleep(1) if each is SQL else put(each, *rest))
    want(keep, SQL, CHAT)
    await until(lambda: engine.names)
    broken = keep.report()[0]
    assert (broken.reason, broken.message) == ("AdapterDownloadFailed", "its files did not come within 0.1 s")


async def test_a_pod_that_leaves_takes_no_further_step(engine, shelf):
    keep, stop = Upkeep(engine, shelf, dict, 16), asyncio.Event()
    stop.set()
    want(keep, SQL)
    await asyncio.wait_for(keep.follow(stop), 1)
    assert engine.told == []
