"""sync.py: the live document as the kubelet writes it."""

import asyncio

import pytest

from llmfleet_runtime import sync
from llmfleet_runtime.sync import Live


def write(folder, text, version):
    """Switch the ``..data`` link, as the kubelet does for a mounted ConfigMap."""
    home = folder / f"..{version}"
    home.mkdir()
    (home / "live.json").write_text(text)
    link = folder / "..tmp"
    link.symlink_to(home.name)
    link.rename(folder / "..data")
    if not (folder / "live.json").is_symlink():
        (folder / "live.json").symlink_to("..data/live.json")


def document(number, seconds):
    return f'{{"version": 1, "number": {number}, "drainTimeoutSeconds": {seconds}, "later": true}}'


def test_until_there_is_a_document_the_engines_value_counts(tmp_path):
    live = Live(tmp_path, 33.0)
    assert (live.config.number, live.config.drain_timeout_seconds, live.problem) == (0, 33.0, "")


def test_the_document_at_start_is_read_at_once(tmp_path):
    write(tmp_path, document(4, 60), 1)
    live = Live(tmp_path, 33.0)
    assert (live.config.number, live.config.drain_timeout_seconds) == (4, 60)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"number": "x"}', '{"version": 2, "number": 9}', '{"drainTimeoutSeconds": "soon"}'],
)
def test_a_bad_document_leaves_the_last_good_one_and_says_so(tmp_path, text):
    write(tmp_path, document(4, 60), 1)
    live = Live(tmp_path, 33.0)
    write(tmp_path, text, 2)
    live.read()
    assert live.config.number == 4
    assert live.problem.startswith("live.json is not valid, number 4 stays")


def test_a_good_document_clears_the_problem(tmp_path):
    write(tmp_path, "{", 1)
    live = Live(tmp_path, 33.0)
    write(tmp_path, document(5, 61), 2)
    live.read()
    assert (live.config.number, live.problem) == (5, "")


def test_bytes_that_are_no_text_are_a_problem(tmp_path):
    (tmp_path / "live.json").write_bytes(b"\xff\xfe")
    assert "cannot be read" in Live(tmp_path, 33.0).problem


def test_a_document_that_vanishes_changes_nothing(tmp_path):
    write(tmp_path, document(4, 60), 1)
    live = Live(tmp_path, 33.0)
    (tmp_path / "live.json").unlink()
    live.read()
    assert (live.config.number, live.problem) == (4, "")


async def follow_until(live, number):
    async with asyncio.timeout(5):
        while live.config.number != number:  # noqa: ASYNC110 because the file is the event
            await asyncio.sleep(0.02)


async def test_a_switched_link_is_noticed(tmp_path):
    write(tmp_path, document(1, 60), 1)
    live = Live(tmp_path, 33.0)
    following = asyncio.create_task(live.follow())
    await asyncio.sleep(0.1)
    for number in (2, 3):
        write(tmp_path, document(number, 60), number)
        await follow_until(live, number)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_without_notifications_it_looks_now_and_then(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError("inotify: no space left")

    monkeypatch.setattr(sync, "awatch", refuse)
    monkeypatch.setattr(sync, "POLL_SECONDS", 0.02)
    live = Live(tmp_path, 33.0)
    following = asyncio.create_task(live.follow())
    write(tmp_path, document(2, 60), 1)
    await follow_until(live, 2)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
