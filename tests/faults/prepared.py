"""Stages that are got ready while earlier tests still run: bringing a fleet to rest is mostly waiting."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager

from tests.faults.stage import Stage

AHEAD = 2


class Prepared:
    """Hands out stages with a running operator and a fleet of two at rest."""

    def __init__(self, make: Callable[[], AbstractContextManager[Stage]], needed: int) -> None:
        """No more than ``needed`` are got ready before they are asked for."""
        self._make, self._needed = make, needed
        self._pool = ThreadPoolExecutor(AHEAD)
        self._ready: deque[Future[tuple[Stage, ExitStack]]] = deque()

    @contextmanager
    def take(self) -> Iterator[Stage]:
        """The next one; it ends with the block."""
        self._prepare(least=1)
        made, stack = self._ready.popleft().result()
        self._prepare(least=0)
        with stack:
            yield made

    def close(self) -> None:
        """End those that nobody took."""
        self._pool.shutdown()
        for each in self._ready:
            if each.exception() is None:
                each.result()[1].close()

    def _prepare(self, least: int) -> None:
        while len(self._ready) < max(least, min(AHEAD, self._needed)):
            self._needed -= 1
            self._ready.append(self._pool.submit(self._one))

    def _one(self) -> tuple[Stage, ExitStack]:
        with ExitStack() as stack:
            made = stack.enter_context(self._make())
            made.start()
            made.fleet.create()
            made.settle()
            return made, stack.pop_all()
