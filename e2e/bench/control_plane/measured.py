"""What was measured of one contestant, the table of all of them, and what of it is promised."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from e2e.bench import row
from e2e.bench.row import Row

from .documents import CHILDREN

LOADER_SHARE, PEER_RATIO, PEER_WRITES = 0.6, 1.3, 0.5
MOST_CREATION_WRITES = CHILDREN + 2
MIB = 2**20
Counts = dict[str, int]


@dataclass
class Measured:
    """Numbers of one contestant; None where it has none. Seconds, bytes, requests."""

    objects: int
    served_seconds: float | None = None
    """From the first object until every Deployment is fully ready."""
    reported_seconds: float | None = None
    """From the first object until every status says Ready."""
    cpu_seconds: float | None = None
    """Of the operator, over the same time."""
    creation_writes: Counts | None = None
    creation_reads: Counts | None = None
    passes: int | None = None
    """Reconciles until all was ready, where the operator counts them."""
    silence_seconds: float | None = None
    """What it takes to hear from a ready pod that it does not answer."""
    edits: int | None = None
    edits_missed: int | None = None
    """Edits after which no child was written."""
    reaction_p50: float | None = None
    reaction_p99: float | None = None
    churn_writes: Counts | None = None
    churn_reads: Counts | None = None
    burst_seconds: float | None = None
    burst_writes: Counts | None = None
    last_edit_won: bool | None = None
    rest_seconds: float | None = None
    rest_writes: Counts | None = None
    restart_seconds: float | None = None
    restart_writes: Counts | None = None
    doubled_restart_seconds: float | None = None
    """The same with twice as many objects."""
    refused: Counts | None = None
    """Writes that the server refused, over all phases, with its code."""
    base_bytes: int | None = None
    """Most memory of a process without objects."""
    created_bytes: int | None = None
    """Memory of the process that created all objects, when it has settled."""
    rested_bytes: int | None = None
    """Of the same process, after churn and rest."""
    most_bytes: int | None = None
    """The most that it held over all of this."""
    restart_bytes: int | None = None
    """Most memory of a process that was restarted over all objects."""

    @property
    def rate(self) -> float | None:
        """Objects ready per second, by what the contestant itself reports where it does."""
        seconds = self.served_seconds if self.reported_seconds is None else self.reported_seconds
        return self.objects / seconds if seconds else None

    @property
    def served_rate(self) -> float | None:
        """Objects per second until their Deployments were ready."""
        return self.objects / self.served_seconds if self.served_seconds else None

    @property
    def cpu_ms(self) -> float | None:
        """Processor time per object created, milliseconds."""
        return None if self.cpu_seconds is None else self.cpu_seconds * 1000 / self.objects

    @property
    def writes_of_a_life(self) -> int:
        """Over creation, churn and a restart."""
        return sum(map(total, (self.creation_writes, self.churn_writes, self.restart_writes)))

    @property
    def restart_child_writes(self) -> int:
        """Writes at a restart to anything but our own objects and Events."""
        return sum(n for what, n in (self.restart_writes or {}).items() if not _is_own(what))

    @property
    def growth(self) -> float | None:
        """Memory after churn and rest over that after creation."""
        return self.rested_bytes / self.created_bytes if self.rested_bytes and self.created_bytes else None

    @property
    def mebibytes(self) -> float | None:
        """The most memory of the process that created the objects."""
        return None if self.most_bytes is None else self.most_bytes / MIB

    @property
    def kilobytes_per_object(self) -> float | None:
        """Memory after a restart over that without objects."""
        if self.base_bytes is None or self.restart_bytes is None:
            return None
        return (self.restart_bytes - self.base_bytes) / 1000 / self.objects


def total(counts: Counts | None) -> int:
    """All of them; 0 of what was not counted."""
    return sum((counts or {}).values())


def _is_own(what: str) -> bool:
    resource = what.split()[1]
    return resource == "events" or resource.startswith("llmdeployments")


LINES: tuple[tuple[str, str], ...] = (
    ("objects/s until every Deployment is ready", "served_rate"),
    ("objects/s until every status says Ready", "rate"),
    ("CPU per object created, ms", "cpu_ms"),
    ("writes at creation", "creation_writes"),
    ("reads at creation", "creation_reads"),
    ("reconciles at creation", "passes"),
    ("asking a pod that does not answer, s", "silence_seconds"),
    ("edits in churn", "edits"),
    ("edits that no write followed", "edits_missed"),
    ("edit → write p50, s", "reaction_p50"),
    ("edit → write p99, s", "reaction_p99"),
    ("writes in churn", "churn_writes"),
    ("reads in churn", "churn_reads"),
    ("200 edits of one object: seconds they took", "burst_seconds"),
    ("200 edits of one object: writes", "burst_writes"),
    ("200 edits of one object: the last one won", "last_edit_won"),
    ("at rest, seconds", "rest_seconds"),
    ("writes at rest", "rest_writes"),
    ("restart: start → all adopted, s", "restart_seconds"),
    ("restart with twice as many, s", "doubled_restart_seconds"),
    ("writes at the restart", "restart_writes"),
    ("writes refused, all phases", "refused"),
    ("memory without objects, MB", "base_bytes"),
    ("memory after creation, MB", "created_bytes"),
    ("memory after churn and rest, MB", "rested_bytes"),
    ("most memory until then, MB", "most_bytes"),
    ("memory after the restart, MB", "restart_bytes"),
    ("memory per object, kB", "kilobytes_per_object"),
)
"""Of the table: what it says, and the member that it shows."""


def cell(measured: Measured, member: str) -> str:
    """One cell of the table."""
    value = getattr(measured, member)
    if isinstance(value, dict):
        total = sum(value.values())
        return "\n".join(
            (f"{total} = {total / measured.objects:.2f} each", *(f"{n} {what}" for what, n in value.items()))
        )
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value / 1e6:.1f}" if member.endswith("_bytes") else f"{value:.4g}"


def show(columns: Mapping[str, Measured], console: Console) -> None:
    """The table, a column for each contestant."""
    objects = next(iter(columns.values())).objects
    table = Table(title=f"control plane, {objects} objects", title_justify="left", show_lines=True)
    for heading in ("what", *columns):
        table.add_column(heading)
    for what, member in LINES:
        table.add_row(what, *(cell(each, member) for each in columns.values()))
    console.print(table)


def reach(columns: Mapping[str, Measured]) -> tuple[Row, ...]:
    """What is promised of ours; a comparison needs the other one's column. A number that lacks is a miss."""
    ours, peer, limit = (columns.get(name) for name in ("ours", "peer", "limit"))
    if ours is None:
        return ()
    rows = list(_alone(ours))
    if limit:
        rows.append(Row.at_least("objects/s over the loader's", _ratio(ours.rate, limit.served_rate), "", LOADER_SHARE))
    if peer:
        ready = _ratio(ours.served_rate, peer.served_rate)
        rows.append(Row.at_least("Deployments ready/s over the peer's", ready, "", PEER_RATIO))
        writes = _ratio(ours.writes_of_a_life, peer.writes_of_a_life)
        rows.append(Row.at_most("writes of creation, churn and restart over the peer's", writes, "", PEER_WRITES))
    return tuple(rows)


def _alone(ours: Measured) -> tuple[Row, ...]:
    doubled = _ratio(ours.doubled_restart_seconds, ours.restart_seconds)
    return (
        Row.at_most(
            "writes at creation per object", total(ours.creation_writes) / ours.objects, "", MOST_CREATION_WRITES
        ),
        Row.at_most("writes at rest, the Lease aside", _known(ours.rest_writes), "", 0),
        Row.at_most("operator CPU per object created", _known(ours.cpu_ms), "ms", 16),
        Row.at_most("edit → write p99", _known(ours.reaction_p99), "s", 0.5),
        Row.at_most("edits that no write followed", _known(ours.edits_missed), "", 0),
        Row.at_most("restart: all adopted", _known(ours.restart_seconds), "s", 6),
        Row.at_most("restart with twice as many over that", doubled, "", 2.5),
        Row.at_most("writes to children at the restart", ours.restart_child_writes, "", 0),
        Row.at_most("memory per object over base", _known(ours.kilobytes_per_object), "kB", 110),
        Row.at_most("most memory through creation, churn and rest", _known(ours.mebibytes), "MiB", 300),
        Row.at_most("memory after churn and rest over that after creation", _known(ours.growth), "", 1.05),
        Row.at_most("writes for 200 edits of one object", _known(ours.burst_writes), "", 10),
        Row.at_least("the last of them won", _known(ours.last_edit_won), "", 1),
    )


def _known(value: float | Counts | None) -> float:
    """A number, or how many were counted; NaN, which is within no reach, for what was not measured."""
    if isinstance(value, dict):
        return total(value)
    return float("nan") if value is None else value


def _ratio(ours: float | None, other: float | None) -> float:
    return ours / other if ours is not None and other else float("nan")


def save(columns: Mapping[str, Measured], rows: tuple[Row, ...], path: Path) -> None:
    """Write the numbers for a program to read."""
    document = {
        "bench": "control-plane",
        "columns": {name: asdict(each) for name, each in columns.items()},
        "rows": [asdict(each) for each in rows],
        "met": row.is_met(rows),
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
