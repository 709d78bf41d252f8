"""The drain: keep serving until nobody can miss this replica, or until the deadline."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from .guard import CLOSING, REFUSING
from .loopback import GuardState, Loopback

TICK_SECONDS = 0.1


class Verdict(Enum):
    """What to do now."""

    SERVE = auto()
    DONE = auto()
    OVERDUE = auto()


@dataclass(frozen=True)
class Ledger:
    """What a drain cost. None where the guard never said; unknown is not zero."""

    in_flight_at_start: int | None = None
    finished: int | None = None
    aborted: int | None = None
    seconds: float = 0.0


def verdict(elapsed: float, endpoint_lag: float, deadline: float, state: GuardState | None) -> Verdict:
    """Judge a drain that began ``elapsed`` seconds ago; ``deadline`` is counted from the same moment.

    The lag comes first, even past the deadline: until it has passed, proxies still send requests here.
    """
    if elapsed < endpoint_lag:
        return Verdict.SERVE
    if state is not None and state.in_flight == 0 and state.quiet_seconds == 0:
        return Verdict.DONE
    return Verdict.OVERDUE if elapsed >= deadline else Verdict.SERVE


async def drain(loopback: Loopback, endpoint_lag: float, deadline: Callable[[], float]) -> Ledger:
    """Run the drain; ``deadline()`` is asked on every tick, because it may change meanwhile."""
    began = time.monotonic()
    first = state = await loopback.drain(CLOSING)
    while True:
        elapsed = time.monotonic() - began
        decided = verdict(elapsed, endpoint_lag, deadline(), state)
        if decided is not Verdict.SERVE:
            break
        await asyncio.sleep(TICK_SECONDS)
        # A guard that was too busy to hear is told again.
        state = await (loopback.drain(CLOSING) if first is None else loopback.guard_state())
        first = first or state
    if decided is Verdict.OVERDUE:
        state = await loopback.drain(REFUSING) or state
    return _ledger(first, state, time.monotonic() - began)


def _ledger(first: GuardState | None, last: GuardState | None, seconds: float) -> Ledger:
    if first is None or last is None:
        return Ledger(seconds=round(seconds, 3))
    return Ledger(
        in_flight_at_start=first.in_flight,
        finished=last.finished,
        aborted=last.aborted + last.in_flight,
        seconds=round(seconds, 3),
    )
