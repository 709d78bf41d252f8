"""Connections to pods are kept while a pod is asked regularly, and trusted no further than that."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from llmfleet.shell import page, process
from llmfleet.shell.page import Pages

ADDRESS = "127.0.0.1"
Answer = Callable[[int], bytes]
"""What a pod sends to its n-th question, counted from 0; empty ends the connection."""


def whole(body: str, *, head: str = "Connection: keep-alive\r\n") -> bytes:
    return f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n{head}\r\n{body}".encode()


@asynccontextmanager
async def asked(answer: Answer) -> AsyncIterator[tuple[Pages, list[list[int]]]]:
    """A pod that answers so, the pages of it, and which questions came over which connection."""
    came: list[list[int]] = []
    writers = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append([])
        mine, questions = came[-1], came
        writers.append(writer)
        while await _question(reader):
            number = sum(map(len, questions))
            mine.append(number)
            told = answer(number)
            writer.write(told)
            if not told:
                break
        writer.close()

    server = await asyncio.start_server(serve, ADDRESS, 0)
    pages = Pages(server.sockets[0].getsockname()[1])
    try:
        yield pages, came
    finally:
        pages.close()
        for each in writers:
            each.close()
        server.close()
        await server.wait_closed()


async def _question(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


async def ask(pages: Pages, times: int = 1) -> list[bytes | None]:
    return [await pages.get(ADDRESS, "/load", 1.0) for _ in range(times)]


async def test_a_pod_is_asked_again_over_the_same_connection() -> None:
    async with asked(lambda number: whole(f"page {number}")) as (pages, came):
        assert await ask(pages, 3) == [b"page 0", b"page 1", b"page 2"]
        assert came == [[0, 1, 2]]


@pytest.mark.parametrize("head", ["", "Connection: close\r\n"])
async def test_a_connection_that_the_pod_does_not_offer_is_not_kept(head: str) -> None:
    async with asked(lambda _: whole("page", head=head)) as (pages, came):
        assert await ask(pages, 2) == [b"page", b"page"]
        assert came == [[0], [1]]


async def test_a_connection_that_the_pod_has_ended_meanwhile_is_made_anew() -> None:
    async with asked(lambda number: b"" if number == 1 else whole("page")) as (pages, came):
        assert await ask(pages, 2) == [b"page", b"page"]
        assert came == [[0, 1], [2]]


async def test_a_pod_that_ends_every_connection_is_silent() -> None:
    async with asked(lambda _: b"") as (pages, _):
        assert await ask(pages) == [None]


async def test_an_answer_that_is_cut_off_is_none() -> None:
    cut = whole("a whole page")[:-3]
    async with asked(lambda number: b"" if number else cut) as (pages, _):
        with pytest.raises(TimeoutError):
            await pages.get(ADDRESS, "/load", 0.2)


async def test_more_than_was_announced_is_not_taken_for_the_next_answer() -> None:
    async with asked(lambda number: whole("page") + (b"HTTP/1.0 200 OK" if number == 0 else b"")) as (pages, came):
        assert await ask(pages, 2) == [b"page", b"page"]
        assert came == [[0], [1]]


async def test_what_comes_unasked_ends_the_connection() -> None:
    async with asked(lambda _: whole("page")) as (pages, came):
        await ask(pages)
        (line,) = (line for _, line in pages._kept.values())
        line.data_received(b"HTTP/1.0 200 OK")
        assert await ask(pages) == [b"page"]
        assert came == [[0], [1]]


async def test_connections_of_pods_that_nobody_asks_any_more_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asked(lambda _: whole("page")) as (pages, came):
        await ask(pages)
        monkeypatch.setattr(page, "KEPT_SECONDS", -1.0)
        assert await ask(pages, 2) == [b"page", b"page"]
        assert came == [[0], [1], [2]]


async def test_no_more_connections_are_kept_than_files_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "connections", lambda: 0)
    async with asked(lambda _: whole("page")) as (pages, came):
        assert await ask(pages, 2) == [b"page", b"page"]
        assert came == [[0], [1]]


@pytest.mark.proves("R61")
@pytest.mark.parametrize("length", [page.LARGEST_PAGE_BYTES + 1, 10**30])
async def test_a_page_that_announces_too_much_is_given_up_at_once(length: int) -> None:
    head = f"HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n".encode()
    async with asked(lambda _: head) as (pages, _):
        assert await ask(pages) == [None]
