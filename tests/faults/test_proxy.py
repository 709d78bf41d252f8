"""The proxy itself, between an aiohttp client and a small TLS server on the loopback."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.faults.local import Server
from tests.faults.proxy import TLS_GOODBYE_SECONDS, Proxy
from tests.faults.rules import (
    EVERYTHING,
    WRITES,
    Call,
    Delay,
    Drop,
    Effect,
    Error,
    Fault,
    Hold,
    Refuse,
    Replay,
    Silence,
    on,
)

PODS = "/api/v1/namespaces/team-a/pods"
POD = f"{PODS}/a"
Said = tuple[str, str]
BEFORE_OR_AFTER = pytest.mark.parametrize("forwarded", [True, False])


def event(kind: str, name: str, version: int = 1) -> dict[str, Any]:
    return {"type": kind, "object": {"metadata": {"name": name, "resourceVersion": str(version)}}}


@pytest.fixture
async def server(pki: Path) -> AsyncIterator[Server]:
    async with Server(pki) as made:
        yield made


@pytest.fixture
async def proxy(server: Server, pki: Path) -> AsyncIterator[Proxy]:
    made = Proxy(server.url, pki / "ca.crt", pki)
    with made:
        yield made
        # The server's side runs in this test's loop: let it go on while the proxy ends.
        await asyncio.to_thread(made.close)


@pytest.fixture
async def client(proxy: Proxy, pki: Path) -> AsyncIterator[aiohttp.ClientSession]:
    trust = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    base, connector = f"https://127.0.0.1:{proxy.port}", aiohttp.TCPConnector(ssl=trust)
    async with aiohttp.ClientSession(base, connector=connector, read_bufsize=2**20) as session:
        yield session
    await asyncio.sleep(TLS_GOODBYE_SECONDS)


class Watch:
    """A client's watch; ``next`` is the next event's kind and object, or how the watch ended."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def next(self, seconds: float = 5) -> Said:
        try:
            line = await asyncio.wait_for(self._answer.content.readline(), seconds)
        except TimeoutError:
            return "silence", ""
        if not line:
            return "end", ""
        found = json.loads(line)
        return found["type"], found["object"].get("metadata", {}).get("name", found["object"].get("code", ""))


@pytest.fixture
async def watch(client: aiohttp.ClientSession, server: Server) -> AsyncIterator[Watch]:
    async with client.get(PODS, params={"watch": "true"}) as answer:
        await server.watched()
        yield Watch(answer)


async def test_a_request_and_its_answer_pass_whole(client, server: Server, proxy: Proxy) -> None:
    headers = {"Authorization": "Bearer mine", "Content-Type": "application/apply-patch+yaml"}
    async with client.patch(f"{POD}?fieldManager=x&force=true", json={"a": "ü"}, headers=headers) as answer:
        assert (answer.status, await answer.json()) == (200, {"bearer": "Bearer mine"})
    assert server.got == [("PATCH", f"{POD}?fieldManager=x&force=true", {"a": "ü"}, headers["Content-Type"])]
    (seen,) = proxy.exchanges
    assert (str(seen.request), seen.code, seen.body, seen.forwarded) == ("patch pods/a", 200, {"a": "ü"}, True)


async def test_a_selector_in_the_query_stays_as_it_was_written(client, server: Server) -> None:
    async with client.get(PODS, params={"labelSelector": "a/b=c,d in (e)"}):
        pass
    assert server.got[0][1].startswith(f"{PODS}?labelSelector=a/b%3Dc")


@pytest.mark.parametrize("code", [403, 409, 410, 422, 429, 500, 503])
async def test_a_refusal_is_the_proxys_own(client, server: Server, proxy: Proxy, code: int) -> None:
    proxy.arm(Fault(EVERYTHING, Refuse(code)))
    async with client.get(POD) as answer:
        status = await answer.json()
        assert (answer.status, status["kind"], status["code"]) == (code, "Status", code)
    assert server.got == []
    assert [(each.code, each.forwarded) for each in proxy.exchanges] == [(code, False)]


async def test_a_refusal_says_when_to_come_again(client, proxy: Proxy) -> None:
    proxy.arm(Fault(EVERYTHING, Refuse(429, retry_after=30)))
    async with client.get(POD) as answer:
        assert answer.headers["Retry-After"] == "30"


@BEFORE_OR_AFTER
async def test_a_dropped_request_is_never_answered(client, server: Server, proxy: Proxy, forwarded) -> None:
    proxy.arm(Fault(WRITES, Drop(forwarded)))
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.patch(POD)
    assert len(server.got) == forwarded
    assert [(each.code, each.forwarded) for each in proxy.exchanges] == [(200 if forwarded else 0, forwarded)]


@BEFORE_OR_AFTER
async def test_a_call_comes_after_the_server_has_answered_or_before_it_is_asked(
    client, server: Server, proxy: Proxy, forwarded
) -> None:
    asked_at_the_call: list[int] = []
    call = Call(lambda: asked_at_the_call.append(len(server.got)), forwarded)
    proxy.arm(Fault(WRITES, call, skip=1, times=1))
    async with client.patch(POD):
        pass
    # A patch, because aiohttp itself sends a delete again that was cut on a connection used before.
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.patch(POD)
    async with client.patch(POD):
        pass
    assert asked_at_the_call == [2 if forwarded else 1]


async def test_delays_add_up_and_the_answer_still_comes(client, proxy: Proxy) -> None:
    proxy.arm(Fault(EVERYTHING, Delay(0.1)), Fault(EVERYTHING, Delay(0.2)))
    begun = time.monotonic()
    async with client.get(POD) as answer:
        assert answer.status == 200
    assert time.monotonic() - begun >= 0.3


async def test_a_list_is_replayed_and_a_single_object_is_not(client, server: Server, proxy: Proxy) -> None:
    old = {"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "old"}}]}
    proxy.arm(Fault(on(["list", "get"], "pods"), Replay({"pods": old})))
    async with client.get(PODS) as answer:
        assert await answer.json() == old
    assert server.got == []
    async with client.get(POD):
        pass
    assert len(server.got) == 1


async def test_rules_are_replaced_and_count_afresh(client, proxy: Proxy) -> None:
    fault = Fault(EVERYTHING, Refuse(500), times=1)
    for _ in range(2):
        proxy.arm(fault)
        for expected in (500, 200):
            async with client.get(POD) as answer:
                assert answer.status == expected
        assert proxy.struck(fault) == 1


async def test_events_of_a_watch_come_as_they_happen(watch: Watch, server: Server) -> None:
    for version in (1, 2):
        server.say(event("MODIFIED", f"a{version}"))
        assert await watch.next() == ("MODIFIED", f"a{version}")
    server.end()
    assert await watch.next() == ("end", "")


async def test_an_event_of_a_megabyte_passes(watch: Watch, server: Server) -> None:
    server.say({"type": "ADDED", "object": {"metadata": {"name": "n" * 2**20}}})
    line = await asyncio.wait_for(watch._answer.content.readuntil(b'"}}}\n'), 5)
    assert len(line) > 2**20


WENT_BY = [
    event("ADDED", "flash"),
    event("MODIFIED", "kept", 1),
    event("DELETED", "flash"),
    event("MODIFIED", "kept", 2),
    event("DELETED", "gone"),
]


@pytest.mark.parametrize(
    ("only_last", "expected"),
    [
        (False, [(each["type"], each["object"]["metadata"]["name"]) for each in WENT_BY]),
        (True, [("MODIFIED", "kept"), ("DELETED", "gone")]),
    ],
)
async def test_held_events_come_when_the_rule_falls(watch: Watch, server, proxy, only_last, expected) -> None:
    proxy.arm(Fault(on("watch"), Hold(only_last)))
    await asyncio.sleep(0.1)
    server.say(*WENT_BY)
    assert await watch.next(0.2) == ("silence", "")
    proxy.arm()
    assert [await watch.next() for _ in expected] == expected
    server.say(event("ADDED", "later"))
    assert await watch.next() == ("ADDED", "later")


async def test_an_error_ends_an_open_watch_and_what_was_held_is_lost(watch: Watch, server, proxy) -> None:
    proxy.arm(Fault(on("watch"), Hold(only_last=True)))
    await asyncio.sleep(0.1)
    server.say(event("ADDED", "lost"))
    await asyncio.sleep(0.1)
    proxy.arm(Fault(on("watch"), Error(410)))
    assert [await watch.next(), await watch.next()] == [("ERROR", 410), ("end", "")]


async def test_a_silent_watch_never_speaks_again_but_a_new_one_does(watch: Watch, client, server, proxy) -> None:
    proxy.arm(Fault(on("watch"), Silence()))
    await asyncio.sleep(0.1)
    proxy.arm()
    async with client.get(PODS, params={"watch": "true"}) as answer:
        await server.watched(2)
        server.say(event("ADDED", "a"))
        assert await Watch(answer).next() == ("ADDED", "a")
    assert await watch.next(0.2) == ("silence", "")


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (Error(410), ("ERROR", 410)),
        (Replay({"pods": {"items": [{"metadata": {"name": "old"}}]}}), ("MODIFIED", "old")),
    ],
)
async def test_a_watch_can_begin_wrong(client, proxy: Proxy, effect: Effect, expected: Said) -> None:
    proxy.arm(Fault(on("watch"), effect))
    async with client.get(PODS, params={"watch": "true"}) as answer:
        assert await Watch(answer).next() == expected


async def test_other_watches_are_left_alone(watch: Watch, server, proxy) -> None:
    proxy.arm(Fault(on("watch", "services"), Error(410)))
    await asyncio.sleep(0.1)
    server.say(event("ADDED", "a"))
    assert await watch.next() == ("ADDED", "a")


async def test_the_servers_side_of_a_watch_goes_with_the_client(client, server: Server) -> None:
    async with client.get(PODS, params={"watch": "true"}):
        await server.watched()
    await server.watched(0)


async def test_a_refused_watch_is_refused_as_any_request(client, proxy: Proxy) -> None:
    proxy.arm(Fault(on("watch"), Refuse(403)))
    async with client.get(PODS, params={"watch": "true"}) as answer:
        assert answer.status == 403


async def test_a_kubeconfig_leads_through_the_proxy_with_its_own_user(proxy: Proxy, pki: Path, tmp_path: Path) -> None:
    original = {
        "clusters": [{"name": "c", "cluster": {"server": "https://elsewhere", "certificate-authority-data": "x"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    (tmp_path / "original").write_text(yaml.safe_dump(original))
    written = yaml.safe_load(proxy.kubeconfig(tmp_path / "original", tmp_path / "through").read_text())
    trusted = {"server": f"https://127.0.0.1:{proxy.port}", "certificate-authority": str(pki / "ca.crt")}
    assert written == original | {"clusters": [{"name": "c", "cluster": trusted}]}
