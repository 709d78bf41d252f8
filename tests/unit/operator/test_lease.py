"""One active replica: who may take the Lease, when, and who knows that it is lost. One second is the shortest Lease."""

import asyncio
import time
from datetime import UTC, datetime

import pytest

from llmfleet.shell.errors import NotLeader, Unavailable
from llmfleet.shell.lease import Lease
from tests.fakes import FakeLeaseApi

DURATION = 1.0


def lease(api: FakeLeaseApi, identity: str = "me", duration: float = DURATION) -> Lease:
    return Lease(api, "system", identity, duration)  # type: ignore[arg-type]  # because the fake has what a Lease asks


def held_by(identity: str, duration: int = 1, renewed: datetime = datetime(2026, 11, 21, tzinfo=UTC)) -> FakeLeaseApi:
    stamp = renewed.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    told = {"leaseDurationSeconds": duration, "leaseTransitions": 4, "renewTime": stamp}
    spec = {"holderIdentity": identity, **told}
    return FakeLeaseApi({"metadata": {"name": "llmfleet", "resourceVersion": "3"}, "spec": spec})


def holder(api: FakeLeaseApi) -> str:
    assert api.lease
    return str(api.lease["spec"]["holderIdentity"])


async def elapsed(coroutine) -> float:
    start = time.monotonic()
    await asyncio.wait_for(coroutine, 5)
    return time.monotonic() - start


async def test_nobody_leads_before_having_the_lease() -> None:
    with pytest.raises(NotLeader):
        lease(FakeLeaseApi()).check()


async def test_the_first_replica_makes_the_lease_and_leads() -> None:
    api = FakeLeaseApi()
    mine = lease(api)
    assert await elapsed(mine.acquire()) < 0.2
    mine.check()
    assert holder(api) == "me"


@pytest.mark.parametrize("identity", ["me", ""])
async def test_an_own_or_released_lease_is_taken_at_once(identity: str) -> None:
    api = held_by(identity)
    assert await elapsed(lease(api).acquire()) < 0.2
    assert holder(api) == "me"


@pytest.mark.proves("R26", "R29")
@pytest.mark.parametrize("minutes", [-10, 10], ids=["its clock is behind", "its clock is ahead"])
async def test_anothers_lease_is_taken_only_after_a_whole_silent_duration(minutes: int) -> None:
    api = held_by("other", renewed=datetime.fromtimestamp(time.time() + 60 * minutes, UTC))
    assert await elapsed(lease(api).acquire()) > DURATION
    assert (holder(api), api.lease["spec"]["leaseTransitions"]) == ("me", 5)  # type: ignore[index]  # because it was created


async def test_the_holders_own_duration_counts() -> None:
    api = held_by("other", duration=30)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lease(api).acquire(), 1.5)
    assert holder(api) == "other"


async def test_a_lease_that_is_renewed_is_never_taken() -> None:
    api = FakeLeaseApi()
    leader, follower = lease(api, "leader"), lease(api, "follower")
    await leader.acquire()
    keeping = asyncio.create_task(leader.keep())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(follower.acquire(), 2)
    leader.check()
    keeping.cancel()


@pytest.mark.proves("R29")
@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_leader_whose_clock_is_wrong_keeps_its_lease_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """What it stamps is wrong; whether it leads is counted by the monotonic clock, here and there."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromtimestamp(time.time() + 60 * minutes, tz)

    monkeypatch.setattr("llmfleet.shell.lease.datetime", Wrong)
    api = FakeLeaseApi()
    leader = lease(api, "leader")
    await leader.acquire()
    keeping = asyncio.create_task(leader.keep())
    monkeypatch.setattr("llmfleet.shell.lease.datetime", datetime)
    follower = asyncio.create_task(lease(api, "follower").acquire())
    await asyncio.sleep(1.5 * DURATION)
    assert (holder(api), follower.done()) == ("leader", False)
    keeping.cancel()
    assert await elapsed(follower) > 0.5 * DURATION
    assert not leader.is_held


async def test_a_leader_that_cannot_renew_stops_before_anyone_may_take_over() -> None:
    api = FakeLeaseApi()
    leader = lease(api)
    await leader.acquire()
    api.error = Unavailable("no answer")
    with pytest.raises(NotLeader):
        assert await elapsed(leader.keep()) < DURATION
    with pytest.raises(NotLeader):
        leader.check()


@pytest.mark.proves("R26", "F4")
async def test_a_frozen_leader_refuses_to_write_on_waking() -> None:
    """The whole process stood still, as under SIGSTOP: no task has run meanwhile."""
    leader = lease(FakeLeaseApi())
    await leader.acquire()
    time.sleep(DURATION)  # noqa: ASYNC251 because the loop must stand still
    with pytest.raises(NotLeader):
        leader.check()


async def test_time_under_way_to_the_server_counts_against_the_leader() -> None:
    class Slow(FakeLeaseApi):
        async def request(self, *args, **query):
            await asyncio.sleep(DURATION)
            return await super().request(*args, **query)

    leader = lease(Slow())
    await leader.acquire()
    assert not leader.is_held


@pytest.mark.proves("R27")
async def test_a_released_lease_is_free_for_the_next_at_once() -> None:
    api = FakeLeaseApi()
    first, second = lease(api, "first"), lease(api, "second")
    await first.acquire()
    await first.release()
    with pytest.raises(NotLeader):
        first.check()
    assert await elapsed(second.acquire()) < 0.2


async def test_releasing_takes_nothing_from_another() -> None:
    api = FakeLeaseApi()
    mine = lease(api)
    await mine.acquire()
    assert api.lease
    api.lease["spec"]["holderIdentity"] = "other"
    await mine.release()
    assert holder(api) == "other"


async def test_a_follower_releases_nothing() -> None:
    api = held_by("other")
    await lease(api).release()
    assert api.requests == []


@pytest.mark.proves("R26", "F5")
async def test_two_that_race_do_not_both_win() -> None:
    class Interleaved(FakeLeaseApi):
        """Every read is followed by a pause, so that both see the same version."""

        async def get(self, *args):
            found = await super().get(*args)
            await asyncio.sleep(0)
            return found

    api = Interleaved(held_by("").lease)
    both = [lease(api, "a"), lease(api, "b")]
    assert sum(await asyncio.gather(*(each._try() for each in both))) == 1


async def test_a_server_that_does_not_answer_is_waited_for() -> None:
    api = FakeLeaseApi(error=Unavailable("no answer"))
    waiting = asyncio.create_task(lease(api).acquire())
    await asyncio.sleep(0.3)
    api.error = None
    assert await elapsed(waiting) < 0.5
