"""The laws of the work queue, in faked time: no overlap, no lost wake-up, delays that a wake-up cuts short."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from llmfleet.shell.errors import Conflict, Unavailable
from llmfleet.shell.queue import WorkQueue

pytestmark = pytest.mark.looptime


class Work:
    """Passes that take ``seconds`` and end as told, with the times at which they began."""

    def __init__(self, *ends: float | Exception | None, seconds: float = 0.0) -> None:
        self.ends, self.seconds = list(ends), seconds
        self.began: list[tuple[str, float]] = []
        self.running: list[str] = []
        self.most_running = 0
        self.start = asyncio.get_running_loop().time()

    async def __call__(self, key: str) -> float | None:
        assert key not in self.running, "two passes of one key overlap"
        self.began.append((key, round(asyncio.get_running_loop().time() - self.start, 3)))
        self.running.append(key)
        self.most_running = max(self.most_running, len(self.running))
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.running.remove(key)
        end = self.ends.pop(0) if self.ends else None
        if isinstance(end, Exception):
            raise end
        return end

    @property
    def times(self) -> list[float]:
        return [when for _, when in self.began]


Started = Callable[..., tuple[WorkQueue[str], Work]]


@pytest.fixture
async def started() -> AsyncIterator[Started]:
    queues: list[WorkQueue[str]] = []

    def start(*ends: float | Exception | None, seconds: float = 0.0, workers: int = 4) -> tuple[WorkQueue[str], Work]:
        work = Work(*ends, seconds=seconds)
        queues.append(WorkQueue(work, workers))
        return queues[-1], work

    yield start
    for queue in queues:
        await queue.close()


async def test_a_wake_up_is_one_pass(started: Started) -> None:
    queue, work = started()
    queue.wake("a")
    await asyncio.sleep(100)
    assert work.times == [0]


@pytest.mark.proves("R19", "S85")
async def test_wake_ups_before_a_pass_are_one_pass(started: Started) -> None:
    queue, work = started()
    for _ in range(5):
        queue.wake("a")
    await asyncio.sleep(100)
    assert work.times == [0]


@pytest.mark.proves("R19", "S85")
async def test_a_wake_up_during_a_pass_is_never_lost_and_never_overlaps(started: Started) -> None:
    queue, work = started(seconds=10)
    queue.wake("a")
    await asyncio.sleep(3)
    queue.wake("a")
    queue.wake("a")
    await asyncio.sleep(100)
    assert work.times == [0, 11]


@pytest.mark.parametrize(("looks_after", "times"), [(2, [0, 11]), (4, [0])], ids=["after its look", "before it"])
async def test_news_while_a_pass_waits_for_its_turn_is_another_pass_only_after_its_look(
    started: Started, looks_after: float, times: list[float]
) -> None:
    queue, work = started(seconds=10)
    queue.wake("a")
    asyncio.get_running_loop().call_later(looks_after, queue.looks, "a")
    await asyncio.sleep(3)
    queue.wake("a")
    await asyncio.sleep(100)
    assert work.times == times


async def test_a_look_at_what_nobody_woke_is_none(started: Started) -> None:
    queue, work = started()
    queue.looks("a")
    await asyncio.sleep(1)
    assert work.times == []


@pytest.mark.proves("R19", "S85")
@pytest.mark.parametrize("seconds", [2, 4])
async def test_a_storm_of_wake_ups_is_few_passes_and_one_after_its_end(started: Started, seconds: float) -> None:
    queue, work = started(seconds=0.05)
    for _ in range(200):
        queue.wake("a")
        await asyncio.sleep(seconds / 200)
    await asyncio.sleep(100)
    assert len(work.times) <= 5
    assert work.times[-1] >= seconds


@pytest.mark.parametrize("waited", [0.0, 0.1], ids=["before the queue has looked", "while it waits"])
async def test_a_wake_up_that_cannot_wait_is_a_pass_at_once_whatever_came_lately(
    started: Started, waited: float
) -> None:
    queue, work = started()
    for _ in range(2):
        queue.wake("a")
        await asyncio.sleep(0.5)
    queue.wake("a")
    await asyncio.sleep(waited)
    queue.wake("a", at_once=True)
    await asyncio.sleep(0.01)
    assert work.times[-1] == pytest.approx(1.0 + waited, abs=0.01)
    await asyncio.sleep(5)
    assert len(work.times) == 3
    assert queue._rushed == {}


async def test_wake_ups_that_are_far_apart_are_passes_at_once(started: Started) -> None:
    queue, work = started()
    for _ in range(3):
        queue.wake("a")
        await asyncio.sleep(1.5)
    assert work.times == [0, 1.5, 3]


async def test_a_pass_may_ask_for_the_next(started: Started) -> None:
    queue, work = started(5.0, 7.0, None)
    queue.wake("a")
    await asyncio.sleep(100)
    assert work.times == [0, 5, 12]


async def test_a_wake_up_cuts_a_delay_short(started: Started) -> None:
    queue, work = started(50.0)
    queue.wake("a")
    await asyncio.sleep(3)
    queue.wake("a")
    await asyncio.sleep(200)
    assert work.times == [0, 3]


async def test_trouble_is_retried_with_a_doubling_delay_up_to_thirty_seconds(started: Started) -> None:
    queue, work = started(*[Unavailable("no answer")] * 9)
    queue.wake("a")
    await asyncio.sleep(300)
    gaps = [round(after - before, 3) for before, after in zip(work.times, work.times[1:], strict=False)]
    assert gaps == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


async def test_a_success_resets_the_delay(started: Started) -> None:
    queue, work = started(Unavailable("1"), Unavailable("2"), 1.0, Unavailable("3"))
    queue.wake("a")
    await asyncio.sleep(100)
    assert work.times == [0, 0.5, 1.5, 2.5, 3.0]


@pytest.mark.proves("R10")
async def test_a_correction_is_acted_on_at_once_despite_a_back_off(started: Started) -> None:
    queue, work = started(*[Unavailable("no answer")] * 9)
    queue.wake("a")
    await asyncio.sleep(20)
    queue.wake("a")
    await asyncio.sleep(0.6)
    assert work.times[-2:] == [20, 20.5]


async def test_a_conflict_is_looked_at_again_soon_and_one_that_stays_ever_later(started: Started) -> None:
    queue, work = started(*[Conflict("changed")] * 9)
    queue.wake("a")
    await asyncio.sleep(100)
    gaps = [round(after - before, 3) for before, after in zip(work.times, work.times[1:], strict=False)]
    assert gaps == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6, 6, 6]


@pytest.mark.proves("R21", "F11")
@pytest.mark.parametrize(("retry_after", "gap"), [(10, 10), (0.2, 0.5), (90, 90)])
async def test_the_server_is_left_alone_for_as_long_as_it_asked(started: Started, retry_after, gap) -> None:
    queue, work = started(Unavailable("429", retry_after))
    queue.wake("a")
    await asyncio.sleep(0.1)
    if retry_after > 1:
        queue.wake("a")
    await asyncio.sleep(200)
    assert work.times == [0, gap]


@pytest.mark.proves("R21", "F11")
async def test_leaving_the_server_alone_takes_no_worker_from_others(started: Started) -> None:
    queue, work = started(Unavailable("429", 10), workers=1)
    queue.wake("a")
    queue.wake("b")
    await asyncio.sleep(0.1)
    assert [key for key, _ in work.began] == ["a", "b"]


@pytest.mark.parametrize("end", [None, Unavailable("no answer"), Conflict("changed")], ids=repr)
async def test_a_key_is_defective_from_a_defect_on_until_a_pass_ends_otherwise(
    started: Started, caplog: pytest.LogCaptureFixture, end: Exception | None
) -> None:
    queue, work = started(KeyError("defect"), KeyError("another"), end)
    queue.wake("a")
    await asyncio.sleep(31)
    assert (work.times, queue.defective) == ([0, 30], {"a"})
    assert caplog.records[0].exc_info
    await asyncio.sleep(30)
    assert (work.times[2], queue.defective) == (60, set())


@pytest.mark.parametrize("seconds", [0, 10], ids=["after its pass", "during it"])
async def test_a_forgotten_key_is_not_defective(started: Started, seconds: float) -> None:
    queue, _ = started(KeyError("defect"), seconds=seconds)
    queue.wake("a")
    await asyncio.sleep(5)
    queue.forget("a")
    await asyncio.sleep(100)
    assert queue.defective == set()


@pytest.mark.proves("R11")
async def test_a_failing_key_holds_up_no_other(started: Started) -> None:
    queue, work = started(Unavailable("a"), workers=1)
    queue.wake("a")
    queue.wake("b")
    await asyncio.sleep(0.2)
    assert [key for key, _ in work.began] == ["a", "b"]


async def test_no_more_passes_than_workers_run_side_by_side(started: Started) -> None:
    queue, work = started(seconds=1, workers=3)
    for key in "abcdefgh":
        queue.wake(key)
    await asyncio.sleep(100)
    assert (work.most_running, len(work.began)) == (3, 8)


async def test_a_forgotten_key_is_not_worked_on_again(started: Started) -> None:
    queue, work = started(5.0, 5.0)
    queue.wake("a")
    await asyncio.sleep(1)
    queue.forget("a")
    await asyncio.sleep(100)
    assert work.times == [0]


@pytest.mark.proves("S86")
@pytest.mark.parametrize("delay", [None, 5.0])
async def test_a_name_born_again_is_worked_on_again(started: Started, delay: float | None) -> None:
    queue, work = started(delay)
    queue.wake("a")
    await asyncio.sleep(1)
    queue.forget("a")
    queue.wake("a")
    await asyncio.sleep(100)
    assert work.times[:2] == [0, 1]


async def test_a_forgotten_key_leaves_nothing_behind(started: Started) -> None:
    before = len(asyncio.all_tasks())
    queue, _ = started()
    for key in "abcdefgh":
        queue.wake(key)
    await asyncio.sleep(1)
    for key in "abcdefgh":
        queue.forget(key)
    await asyncio.sleep(1)
    assert len(asyncio.all_tasks()) == before


async def test_closing_ends_passes_under_way(started: Started) -> None:
    queue, work = started(seconds=1000)
    queue.wake("a")
    await asyncio.sleep(1)
    await queue.close()
    assert work.running == []
