"""What kopf tells of is handed on; what it lists is said to be a listing, since it never tells of what vanished."""

import pytest

from llmfleet.shell import watch


@pytest.mark.proves("R07")
@pytest.mark.parametrize(
    ("kind", "is_gone", "listings"),
    [(None, False, 1), ("ADDED", False, 0), ("MODIFIED", False, 0), ("DELETED", True, 0)],
)
async def test_an_event_is_handed_on_and_a_listed_object_is_known_as_one(kind, is_gone, listings) -> None:
    seen, listed = [], []
    handle = watch._handler("Pod", lambda *event: seen.append(event), lambda: listed.append(1))
    await handle(event={"type": kind, "object": {"metadata": {"name": "a"}}})
    assert (seen, len(listed)) == ([("Pod", {"metadata": {"name": "a"}}, is_gone)], listings)


@pytest.mark.proves("R24", "F17")
def test_a_watch_may_be_silent_for_as_long_as_the_setting_says() -> None:
    assert watch.settings(12.0).watching.inactivity_timeout == 12.0


@pytest.mark.proves("F10", "R20")
def test_kopf_never_gives_up_on_a_server_that_refuses() -> None:
    delays = iter(watch.settings().networking.error_backoffs)
    assert 15 < max(next(delays) for _ in range(1000)) < 40
