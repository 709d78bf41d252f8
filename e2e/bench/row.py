"""What a bench measured, and whether that is within its reach."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import NoReturn

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One number. ``met`` is None for a number that is only shown."""

    what: str
    measured: float
    unit: str
    reach: str = ""
    """What is promised, in words, such as ``at most 1.15``."""
    met: bool | None = None

    @classmethod
    def at_most(cls, what: str, measured: float, unit: str, limit: float) -> "Row":
        """A number with an upper limit."""
        return cls(what, measured, unit, f"at most {limit:g}", measured <= limit)

    @classmethod
    def at_least(cls, what: str, measured: float, unit: str, limit: float) -> "Row":
        """A number with a lower limit."""
        return cls(what, measured, unit, f"at least {limit:g}", measured >= limit)


def compared(
    what: str, ours: tuple[str, Sequence[float]], peer: tuple[str, Sequence[float]], limit: float
) -> tuple[Row, ...]:
    """Two kinds of run, each with its name and seconds: their medians, their spread, and the promised ratio."""
    rows: list[Row] = []
    for name, seconds in (ours, peer):
        rows.append(Row(f"{what}, {name}, median", median(seconds), "s"))
        rows.append(Row(f"{name}, fastest and slowest", min(seconds), f"to {max(seconds):.1f} s"))
    ratio = median(ours[1]) / median(peer[1])
    return (*rows, Row.at_most(f"{ours[0]} / {peer[0]}", ratio, "", limit))


def verdict(rows: Sequence[Row]) -> str:
    """The last line of every bench."""
    judged = [row for row in rows if row.met is not None]
    return f"reach: {sum(bool(row.met) for row in judged)} of {len(judged)} met"


def is_met(rows: Sequence[Row]) -> bool:
    """Whether nothing was missed."""
    return all(row.met is not False for row in rows)


def show(name: str, rows: Sequence[Row], console: Console) -> None:
    """Print the table and, last, the verdict."""
    table = Table(title=f"bench {name}", title_justify="left")
    for heading in ("what", "measured", "reach", "met"):
        table.add_column(heading)
    marks = {True: "[green]yes", False: "[red]no", None: ""}
    for row in rows:
        table.add_row(row.what, f"{row.measured:.4g} {row.unit}".strip(), row.reach, marks[row.met])
    console.print(table)
    console.print(verdict(rows), style="green" if is_met(rows) else "bold red")


def save(name: str, rows: Sequence[Row], path: Path) -> None:
    """Write the numbers for a program to read."""
    document = {"bench": name, "rows": [asdict(row) for row in rows], "met": is_met(rows)}
    path.write_text(json.dumps(document, indent=2) + "\n")


def conclude(name: str, rows: Sequence[Row], path: Path | None, console: Console | None = None) -> NoReturn:
    """Save the numbers where that is wanted, show the table, and end with 1 when a row is missed."""
    if path:
        save(name, rows, path)
    show(name, rows, console or Console())
    sys.exit(0 if is_met(rows) else 1)
