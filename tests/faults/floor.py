"""What serves while a test goes on: looked at all the time, for the end alone does not tell what was lost midway."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol, Self

LOOK_SECONDS = 0.2
"""Between looks; a played pod that was taken away needs longer to be replaced."""


class Pods(Protocol):
    """What is looked at."""

    def ready_pods(self) -> int: ...


@dataclass(frozen=True)
class Phase:
    """A stretch of time with one floor."""

    least: int
    seen: list[int] = field(default_factory=list)
    """Ready pods at each look."""


def losses(seen: Iterable[int], least: int) -> list[str]:
    """Where fewer serve than before, and fewer than ``least``; those that never served are no loss."""
    most, wrong = 0, []
    for ready in seen:
        most = max(most, ready)
        if ready < min(most, least):
            wrong.append(f"{ready} serve where {min(most, least)} did and must")
    return list(dict.fromkeys(wrong))


class Floor:
    """Holds a fleet to what must serve of it, in a thread of its own from the first ``hold`` to ``close``."""

    def __init__(self, pods: Pods) -> None:
        """Nobody looks yet."""
        self._pods = pods
        self._phases = [Phase(0)]
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def hold(self, least: int) -> None:
        """From now on so many must serve, once they did; the first look is taken at once."""
        self._phases.append(Phase(least, [self._pods.ready_pods()]))
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()

    def lift(self) -> None:
        """From now on none must: call it before what takes pods away."""
        self._phases.append(Phase(0))

    def losses(self) -> list[str]:
        """Each kind of loss so far; AssertionError when nobody could look any more."""
        assert not self._failure, f"the look at what serves has failed: {self._failure}"
        return [each for phase in self._phases for each in losses(phase.seen, phase.least)]

    def close(self) -> None:
        """Look no more."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(LOOK_SECONDS):
            phase = self._phases[-1]
            try:
                ready = self._pods.ready_pods()
            except Exception as error:  # noqa: BLE001 because whatever ends the look is told to who asks for losses
                self._failure = str(error)
                return
            if phase is self._phases[-1]:  # else it is not known which one the answer is of
                phase.seen.append(ready)
