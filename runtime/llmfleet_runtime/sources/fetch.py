"""Brings files from a store into a folder: in segments side by side, each resumed where a connection was cut.

A segment that is whole is written down, so that the next start of the pod fetches only the others.
"""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock

from llmfleet_runtime.source import DownloadReason, SourceRefused

from .store import File, Interrupted, Listing, Report, Store

SEGMENT_BYTES = 64 * 2**20
WORKERS = 4
"""More take each other's time where a pod has few cores."""
ATTEMPTS = 5
"""Of one segment, without a byte between them."""
PAUSE_SECONDS = 0.5
REPORT_SECONDS = 0.5
JOURNAL = ".llmfleet-journal"


@dataclass(frozen=True)
class Segment:
    """A part of a file."""

    file: File
    start: int
    end: int

    @property
    def mark(self) -> str:
        """Its line in the journal."""
        return json.dumps([self.file.name, self.start, self.end])


def segments(listing: Listing) -> Iterator[Segment]:
    """All of a model. A file that the source sends only as a whole is one."""
    for file in listing.files:
        step = SEGMENT_BYTES if file.is_ranged else max(1, file.size)
        for start in range(0, file.size, step):
            yield Segment(file, start, min(start + step, file.size))


def missing(listing: Listing, folder: Path) -> tuple[Segment, ...]:
    """What an earlier attempt has not brought into the folder."""
    marks = set(_lines(folder / JOURNAL))
    return tuple(each for each in segments(listing) if each.mark not in marks)


def forget(file: File, folder: Path) -> None:
    """Let all of a file be missing."""
    kept = [line for line in _lines(folder / JOURNAL) if json.loads(line)[0] != file.name]
    (folder / JOURNAL).write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def fetch(store: Store, listing: Listing, folder: Path, report: Report) -> None:
    """Bring what is missing. Raises ``SourceRefused``, and ``OSError`` of the disk."""
    todo = missing(listing, folder)
    for file in listing.files:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            os.truncate(path, file.size)
    work = _Work(store, folder, listing.size - sum(each.end - each.start for each in todo))
    with ThreadPoolExecutor(WORKERS) as pool:
        pending: set[Future[None]] = {pool.submit(work.bring, each) for each in todo}
        try:
            while pending:
                done, pending = wait(pending, REPORT_SECONDS, FIRST_EXCEPTION)
                for each in done:
                    each.result()
                report(work.done, listing.size, "")
        finally:
            work.is_over.set()
            pool.shutdown(cancel_futures=True)


@dataclass
class _Work:
    store: Store
    folder: Path
    done: int
    is_over: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def bring(self, segment: Segment) -> None:
        """One segment, over as many connections as it takes."""
        position, attempts = segment.start, 0
        with (self.folder / segment.file.name).open("r+b", buffering=0) as file:
            while position < segment.end and not self.is_over.is_set():
                before = position
                try:
                    position = self._write(segment, position, file.fileno())
                    reason = "the source ended early"
                except _Cut as error:
                    position, reason = error.position, str(error)
                attempts = 0 if position > before else attempts + 1
                if attempts >= ATTEMPTS:
                    raise SourceRefused(DownloadReason.FAILED, f"{segment.file.name}: {reason}")
                if position < segment.end:
                    time.sleep(PAUSE_SECONDS * attempts)
            if position == segment.end:
                if segment.file.digest is None:
                    # Else the checksum shows whether the journal knows more than a disk that lost its power.
                    os.fdatasync(file.fileno())
                self._note(segment)

    def _write(self, segment: Segment, position: int, file: int) -> int:
        """From ``position`` on, until the source ends; where it then is. Raises ``_Cut``."""
        try:
            for piece in self.store.stream(segment.file, position, segment.end):
                if self.is_over.is_set():
                    break
                part = memoryview(piece)[: segment.end - position]
                while part:
                    written = os.pwrite(file, part, position)
                    position, part = position + written, part[written:]
                    with self.lock:
                        self.done += written
        except Interrupted as error:
            raise _Cut(position, str(error)) from error
        return position

    def _note(self, segment: Segment) -> None:
        with self.lock, (self.folder / JOURNAL).open("a", encoding="utf-8") as journal:
            journal.write(segment.mark + "\n")


class _Cut(Exception):
    def __init__(self, position: int, words: str) -> None:
        super().__init__(words)
        self.position = position


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
