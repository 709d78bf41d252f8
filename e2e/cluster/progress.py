"""Steps shown while they run: on a terminal with a spinner and a clock, elsewhere one line at start and end."""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn


class Report(Protocol):
    """Receives the steps of `up` and `down`; may be called from several threads."""

    def step(self, title: str, then: str = "") -> AbstractContextManager[None]:
        """Show `title` while the block runs, `then` being what comes after it."""
        ...

    def say(self, line: str) -> None:
        """Show one finished fact."""
        ...


class Silent:
    """Shows nothing."""

    def step(self, title: str, then: str = "") -> AbstractContextManager[None]:  # noqa: ARG002 because it shows nothing
        """Run the block."""
        return nullcontext()

    def say(self, line: str) -> None:
        """Do nothing."""


class Lines:
    """One line when a step starts, one when it ends, for logs and pipes."""

    @contextmanager
    def step(self, title: str, then: str = "") -> Iterator[None]:
        """Print start, end, seconds and what is next."""
        started = time.monotonic()
        self.say(f"▸ {title}")
        try:
            yield
        except BaseException:
            self.say(f"✗ {title} (after {time.monotonic() - started:.1f} s)")
            raise
        following = f", next: {then}" if then else ""
        self.say(f"✓ {title} ({time.monotonic() - started:.1f} s{following})")

    def say(self, line: str) -> None:
        """Print one line at once."""
        print(line, file=sys.stderr, flush=True)


class Terminal:
    """Spinners with elapsed time and the next step; finished steps stay as lines above."""

    def __init__(self, console: Console) -> None:
        """Draw on `console`."""
        self._console = console
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[then]}"),
            console=console,
            transient=True,
        )
        self._open = 0

    @contextmanager
    def step(self, title: str, then: str = "") -> Iterator[None]:
        """Spin while the block runs, then leave one line with the seconds it took."""
        started = time.monotonic()
        self._bars.start()
        self._open += 1
        task = self._bars.add_task(title, total=None, then=f"next: {then}" if then else "")
        mark = "[red]✗"
        try:
            yield
            mark = "[green]✓"
        finally:
            self._bars.remove_task(task)
            self._open -= 1
            if not self._open:
                self._bars.stop()
            self._console.print(f"{mark}[/] {title} [dim]{time.monotonic() - started:.1f} s", highlight=False)

    def say(self, line: str) -> None:
        """Print one line above the spinners."""
        self._console.print(line, highlight=False)


def choose() -> Report:
    """Return the display that fits standard error: a terminal or not."""
    console = Console(stderr=True)
    return Terminal(console) if console.is_terminal else Lines()
