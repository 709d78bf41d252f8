"""How the demo looks: colours, panels and a live line on a terminal; plain lines anywhere else."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.rule import Rule
from rich.spinner import Spinner
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

PLAIN_INTERVAL = 10.0
"""Seconds between two signs of life where no terminal shows a clock."""

GOOD_WHEN_FALSE = frozenset({"Reconciling", "Stalled"})


class Screen:
    """Everything that the demo prints goes through here."""

    def __init__(self, console: Console | None = None) -> None:
        """Print to standard output unless told otherwise."""
        self.console = console or Console(highlight=False)
        self.is_plain = not self.console.is_terminal
        self.began = time.monotonic()
        self.chapters = 0

    def chapter(self, title: str) -> None:
        """Begin a numbered part of the story."""
        self.chapters += 1
        heading = f"{self.chapters} · {title}"
        self.console.print()
        if not self.is_plain:
            self.console.print(Rule(Text(heading, style="bold cyan"), align="left", style="cyan"))
        else:
            self.console.print(f"== {heading}", markup=False)

    def say(self, text: str) -> None:
        """A sentence of the narrator."""
        self.console.print(Text(text, style="italic"), soft_wrap=self.is_plain)

    def fact(self, text: str, style: str = "") -> None:
        """Something that has just been seen, with the time since the demo began."""
        clock = Text(f"{time.monotonic() - self.began:6.1f} s  ", style="dim")
        self.console.print(clock + Text(text, style=style), soft_wrap=self.is_plain)

    def document(self, document: dict[str, Any], title: str) -> None:
        """A manifest, as it is applied."""
        text = yaml.safe_dump(document, sort_keys=False).rstrip()
        if not self.is_plain:
            syntax = Syntax(text, "yaml", background_color="default")
            self.console.print(Panel(syntax, title=title, title_align="left", border_style="dim", expand=False))
        else:
            self.console.print("\n".join(f"    {line}" for line in text.splitlines()), markup=False, soft_wrap=True)

    def condition(self, condition: dict[str, Any]) -> None:
        """A condition that has changed."""
        is_good = (condition["status"] == "False") == (condition["type"] in GOOD_WHEN_FALSE)
        style = "green" if is_good else "yellow"
        head = f"{condition['type']:<13} {condition['status']:<8}"
        self.fact(f"{head}{condition.get('reason', '')}: {in_short(condition.get('message', ''))}", style)

    def decision(self, entry: dict[str, Any]) -> None:
        """An entry of ``status.autoscaling.history``."""
        message = f"{entry.get('reason', '')}: {entry.get('message', '')}"
        self.fact(f"decided       {entry.get('from')} → {entry.get('to')}    {message}", "bold magenta")

    def refusal(self, text: str) -> None:
        """The server's own words to an edit that it refused."""
        if not self.is_plain:
            self.console.print(Panel(Text(text, style="red"), title="the answer", title_align="left", expand=False))
        else:
            self.console.print(f"    {text}", markup=False, soft_wrap=True)

    def piece(self, text: str) -> None:
        """A piece of an answer as it streams in."""
        self.console.print(Text(text, style="bold"), end="", soft_wrap=True)
        self.console.file.flush()

    @contextmanager
    def live(self, line: Callable[[], str]) -> Iterator[None]:
        """Keep one line up to date at the bottom while the block runs; other output goes above it."""
        if not self.is_plain:
            spinner = Spinner("dots", style="cyan")

            def draw() -> Spinner:
                spinner.update(text=Text(line(), style="dim"))
                return spinner

            with Live(get_renderable=draw, console=self.console, transient=True, refresh_per_second=8):
                yield
            return
        done = threading.Event()

        def repeat() -> None:
            while not done.wait(PLAIN_INTERVAL):
                self.fact(f"… {line()}")

        thread = threading.Thread(target=repeat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def table(self, title: str, rows: list[tuple[str, str]]) -> None:
        """What was measured."""
        self.console.print()
        if self.is_plain:
            width = max(len(what) for what, _ in rows)
            self.console.print(f"== {title}", markup=False)
            for what, measured in rows:
                self.console.print(f"{what:<{width}}  {measured}", markup=False, soft_wrap=True)
            return
        table = Table(title=title, title_justify="left", title_style="bold cyan", border_style="dim")
        table.add_column("what")
        table.add_column("measured", style="bold")
        for what, measured in rows:
            table.add_row(what, measured)
        self.console.print(table)


def in_short(message: str) -> str:
    """The last line of a long message: of an engine's last words, that is the error itself."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[-1] if lines else ""
