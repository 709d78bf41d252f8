"""A kind is listed once and watched from there; whatever ends the watch, the cache comes level again."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from llmfleet.core.plan import Ref
from llmfleet.shell import reflector
from llmfleet.shell.cache import Cache
from llmfleet.shell.cluster import ApiServer
from llmfleet.shell.kinds import BY_KIND
from llmfleet.shell.ports import Key
from llmfleet.shell.reflector import Reflector
from tests.builders import children, deployment, merged
from tests.wire.server import Answer, Request, Wire

OWN = deployment()
KEY = Key("team-a", "qwen")
SERVICE = next(each for each in children(OWN) if each["kind"] == "Service")


def service(version: int) -> dict[str, Any]:
    """The Service as somebody changed it once more."""
    return merged(SERVICE, {"metadata": {"resourceVersion": str(version), "annotations": {"change": str(version)}}})


def listing(version: int, *items: Any) -> Answer:
    return 200, {"metadata": {"resourceVersion": str(version)}, "items": list(items)}


def events(*each: tuple[str, Any]) -> Answer:
    return 200, "".join(json.dumps({"type": kind, "object": raw}) + "\n" for kind, raw in each)


def error(code: int, **details: Any) -> Answer:
    return events(("ERROR", {"kind": "Status", "code": code, "message": "told", "details": details}))


class Server:
    """Gives its prepared answers one after the other, then empty watches."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.done = asyncio.Event()

    def __call__(self, request: Request) -> Answer:
        if self._answers:
            return self._answers.pop(0)
        self.done.set()
        return events()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector, "LEAST_SECONDS", 0.01)
    monkeypatch.setattr(Reflector, "_pause", 0.01)


@pytest.fixture
def watching(api: ApiServer, wire: Wire) -> Callable[..., Any]:
    async def play(*answers: Answer, there: tuple[Any, ...] = ()) -> tuple[Cache, list[Key]]:
        woken: list[Key] = []
        cache = Cache(lambda key, _: woken.append(key))
        for each in (OWN, *there):
            cache.put(each)
        woken.clear()
        wire.respond = server = Server(*answers)
        one = Reflector(api, cache, BY_KIND["Service"], "team-a", 5.0)
        task = asyncio.create_task(one.run())
        async with asyncio.timeout(5):
            await server.done.wait()
        task.cancel()
        assert one.listed.is_set()
        return cache, woken

    return play


def asked(wire: Wire) -> list[str]:
    """Each request so far: ``list``, or ``watch`` with the version it went on from."""
    return [f"watch {r.query['resourceVersion']}" if "watch" in r.query else "list" for r in wire.requests]


@pytest.mark.proves("R07")
async def test_what_is_listed_and_what_is_told_later_is_in_the_cache(watching, wire) -> None:
    cache, woken = await watching(listing(5, service(4)), events(("MODIFIED", service(6))))
    assert [raw["metadata"]["resourceVersion"] for raw in cache.children(KEY)] == ["6"]
    assert woken == [KEY, KEY]
    assert asked(wire)[:3] == ["list", "watch 5", "watch 6"]
    assert wire.requests[0].query["labelSelector"] == "app.kubernetes.io/managed-by=llmfleet"


@pytest.mark.proves("R07")
async def test_what_is_deleted_leaves_the_cache(watching) -> None:
    cache, woken = await watching(listing(5, service(4)), events(("ADDED", service(6)), ("DELETED", service(7))))
    assert cache.children(KEY) == []
    assert woken == [KEY] * 3


@pytest.mark.proves("R07", "R23", "F15")
async def test_too_old_a_version_is_answered_with_one_listing_that_finds_what_vanished(watching, wire) -> None:
    cache, woken = await watching(listing(5, service(4)), error(410), listing(9))
    assert cache.children(KEY) == []
    assert woken == [KEY, KEY]
    assert asked(wire)[:4] == ["list", "watch 5", "list", "watch 9"]


@pytest.mark.proves("F15")
async def test_a_refused_watch_of_too_old_a_version_is_listed_too(watching, wire) -> None:
    await watching(listing(5), (410, {"message": "expired"}), listing(9))
    assert asked(wire)[:4] == ["list", "watch 5", "list", "watch 9"]


@pytest.mark.proves("R22", "F16")
@pytest.mark.parametrize("trouble", [error(500), (503, {"message": "later"}), (200, "no json\n")])
async def test_any_other_trouble_costs_no_listing(watching, wire, trouble) -> None:
    await watching(listing(5), trouble)
    assert asked(wire)[:3] == ["list", "watch 5", "watch 5"]


@pytest.mark.proves("R21", "F11")
async def test_a_server_that_names_a_time_is_left_alone_until_then(watching, wire) -> None:
    begin = asyncio.get_running_loop().time()
    await watching(listing(5), error(429, retryAfterSeconds=1))
    assert asyncio.get_running_loop().time() - begin >= 1


async def test_a_bookmark_moves_the_version_and_wakes_nobody(watching, wire) -> None:
    _, woken = await watching(listing(5), events(("BOOKMARK", {"metadata": {"resourceVersion": "8"}})))
    assert woken == []
    assert asked(wire)[:3] == ["list", "watch 5", "watch 8"]


@pytest.mark.proves("F12")
async def test_a_listing_that_is_refused_is_asked_for_again(watching, wire) -> None:
    cache, _ = await watching((403, {"message": "no"}), listing(5, service(4)))
    assert asked(wire)[:3] == ["list", "list", "watch 5"]
    assert Ref("Service", "qwen") in {Ref(raw["kind"], raw["metadata"]["name"]) for raw in cache.children(KEY)}


@pytest.mark.proves("R07")
async def test_objects_of_other_kinds_and_namespaces_stay(watching) -> None:
    other = merged(SERVICE, {"metadata": {"namespace": "team-b", "uid": "b"}})
    config = next(each for each in children(OWN) if each["kind"] == "ConfigMap")
    cache, _ = await watching(listing(9), there=(service(4), other, config))
    assert [raw["kind"] for raw in cache.children(KEY)] == ["ConfigMap"]
    assert [raw["kind"] for raw in cache.children(Key("team-b", "qwen"))] == ["Service"]
