"""What kopf tells of is handed on; what it lists is said to be a listing, since it never tells of what vanished."""

import asyncio

import kopf
import pytest

from llmfleet.shell import watch

OBJECT = {"metadata": {"name": "a"}}


@pytest.mark.proves("R07")
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (None, ("listed", OBJECT)),
        ("ADDED", ("seen", OBJECT, False)),
        ("MODIFIED", ("seen", OBJECT, False)),
        ("DELETED", ("seen", OBJECT, True)),
    ],
)
async def test_an_event_is_handed_on_and_a_listed_object_is_known_as_one(kind, expected) -> None:
    told = []
    handle = watch._handler(lambda *event: told.append(("seen", *event)), lambda raw: told.append(("listed", raw)))
    await handle(event={"type": kind, "object": OBJECT})
    assert told == [expected]


@pytest.mark.proves("R24", "F17")
def test_a_watch_may_be_silent_for_as_long_as_the_setting_says() -> None:
    assert watch.settings(12.0).watching.inactivity_timeout == 12.0


@pytest.mark.proves("F10", "R20")
def test_kopf_never_gives_up_on_a_server_that_refuses() -> None:
    delays = iter(watch.settings().networking.error_backoffs)
    assert 15 < max(next(delays) for _ in range(1000)) < 40


async def test_connections_are_closed_where_kopf_is_cancelled_before_it_has_closed_them(monkeypatch) -> None:
    class Connection:
        is_closed = False

        async def close(self) -> None:
            self.is_closed = True

    async def cancelled(*, vault, **_) -> None:
        await vault.populate({"us": kopf.ConnectionInfo(server="https://127.0.0.1")})
        async for _ in vault.extended(lambda _: connection, "context"):
            raise asyncio.CancelledError

    connection = Connection()
    monkeypatch.setattr(watch.kopf, "operator", cancelled)
    with pytest.raises(asyncio.CancelledError):
        await watch.watch(print, print, "team-a", 12.0, asyncio.Event())
    assert connection.is_closed
