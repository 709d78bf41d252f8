"""The rows of the catalogue: what must hold, and the one-line mutation that shows that its test can see it broken."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("rows.toml")


@dataclass(frozen=True)
class Mutation:
    """One line of a file changed, and the test that must turn red."""

    file: str
    old: str
    new: str
    test: str
    """Node id of a function; each of its parameters runs."""


@dataclass(frozen=True)
class Row:
    """One requirement (R), injected fault (F) or bad input (S)."""

    id: str
    says: str
    exempt: str = ""
    mutation: Mutation | None = None


def rows() -> dict[str, Row]:
    """Every row by its id, in the order of the file."""
    read = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {each: _row(each, **members) for each, members in read.items()}


def _row(row: str, says: str, exempt: str = "", mutation: dict[str, str] | None = None) -> Row:
    return Row(row, says, exempt, Mutation(**mutation) if mutation else None)
