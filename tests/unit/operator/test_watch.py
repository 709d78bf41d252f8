"""What kopf tells of is handed on; what it lists is said to be a listing, since it never tells of what vanished."""

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


@pytest.mark.proves("R24")
def test_a_watch_may_be_silent_for_as_long_as_the_setting_says() -> None:
    assert watch.settings(12.0).watching.inactivity_timeout == 12.0


@pytest.mark.proves("F10")
def test_kopf_never_gives_up_on_a_server_that_refuses() -> None:
    delays = iter(watch.settings().networking.error_backoffs)
    assert 15 < max(next(delays) for _ in range(1000)) < 40
