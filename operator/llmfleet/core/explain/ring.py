"""Looks over a long time in the bytes of a short one, and the points that an account makes of them."""

import math
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime

from llmfleet.core.explain.account import Point
from llmfleet.core.explain.seen import Seen

_WIDTH = 1 + len(Seen._fields)
_SIZES = 2


class Ring:
    """The last so many stretches of time, as numbers of four bytes."""

    def __init__(self, seconds: float, count: int) -> None:
        """Each stretch is ``seconds`` long."""
        self.seconds, self._most = seconds, count * _WIDTH
        self._numbers = array("f")

    def note(self, offset: float, seen: Seen) -> None:
        """Enter a look, ``offset`` seconds after the chronicle began.

        A clock that went back enters nothing until it has caught up.
        """
        begin = offset - offset % self.seconds
        last = self._numbers[-_WIDTH] if self._numbers else -math.inf
        if begin == last:
            before = self._numbers[-_WIDTH + 1 + _SIZES :]
            self._numbers[-_WIDTH + 1 :] = array("f", (*seen[:_SIZES], *map(_most, before, seen[_SIZES:])))
        elif begin > last:
            self._numbers.extend((begin, *seen))
            del self._numbers[: max(0, len(self._numbers) - self._most)]

    def rows(self) -> Iterator[tuple[float, Seen]]:
        """When the stretches began, seconds after the chronicle did, and what was seen in them."""
        for at in range(0, len(self._numbers), _WIDTH):
            begin, *seen = self._numbers[at : at + _WIDTH]
            yield begin, Seen(*seen)


def _most(one: float, other: float) -> float:
    """The larger number; the other one where one is not known."""
    return max((each for each in (one, other) if not math.isnan(each)), default=math.nan)


def clock(seconds: float) -> str:
    """Unix time as the API writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def point(seconds: float, seen: Seen) -> Point:
    """What was seen in a stretch that began then, Unix time."""
    known = [None if math.isnan(each) else round(each, 4) for each in seen[_SIZES:]]
    wanted, ready = (int(each) for each in seen[:_SIZES])
    return Point(
        time=clock(seconds),
        wanted=wanted,
        ready=ready,
        in_flight=known[0],
        waiting=known[1],
        arrivals=known[2],
        first_token_seconds=known[3],
        output_token_seconds=known[4],
    )
