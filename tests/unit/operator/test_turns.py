"""Turns, in faked time: so many work at once, and who waits long keeps nobody from theirs."""

import asyncio

import pytest

from llmfleet.shell.turns import LONG_SECONDS, Turns

pytestmark = pytest.mark.looptime


class Passes:
    """Passes over one set of turns, with the times at which they began."""

    def __init__(self, count: int) -> None:
        self.turns, self.began = Turns(count), list[float]()
        self.start = asyncio.get_running_loop().time()

    async def work(self, seconds: float) -> None:
        async with self.turns.take():
            self.began.append(asyncio.get_running_loop().time() - self.start)
            await asyncio.sleep(seconds)


async def test_no_more_than_so_many_work_at_once() -> None:
    passes = Passes(2)
    await asyncio.gather(*(passes.work(1.0) for _ in range(5)))
    assert passes.began == pytest.approx([0, 0, 1, 1, 2])


@pytest.mark.proves("R11")
async def test_passes_that_wait_long_keep_no_other_from_its_turn() -> None:
    passes = Passes(4)
    hanging = asyncio.gather(*(passes.work(30.0) for _ in range(4)))
    await asyncio.sleep(0)
    await passes.work(0.1)
    assert passes.began[4] == pytest.approx(LONG_SECONDS)
    assert not hanging.done()
    await hanging


async def test_a_turn_is_given_back_once() -> None:
    passes = Passes(1)
    await passes.work(10 * LONG_SECONDS)
    await asyncio.gather(*(passes.work(1.0) for _ in range(3)))
    assert [round(each - passes.began[1], 3) for each in passes.began[1:]] == [0, 1, 2]


async def test_a_pass_that_breaks_gives_its_turn_back() -> None:
    passes = Passes(1)
    with pytest.raises(KeyError):
        async with passes.turns.take():
            raise KeyError
    await passes.work(0.0)
    assert passes.began == [0]
