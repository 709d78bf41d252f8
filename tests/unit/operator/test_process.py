"""The operator's process: what it may hold open, and what its collector looks at."""

import ctypes
import gc
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmfleet.shell import process

UNLIMITED = resource.RLIM_INFINITY


@pytest.fixture(autouse=True)
def threshold() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def limited(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> list[tuple[int, int]]:
    """Limits that are set, from these on."""
    found: list[tuple[int, int]] = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: found[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: found.append(limits))
    return found


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        (1024, 524_288, (65_536, 524_288)),
        (1024, 4096, (4096, 4096)),
        (1024, UNLIMITED, (65_536, UNLIMITED)),
        (1_048_576, 1_048_576, (1_048_576, 1_048_576)),
        (UNLIMITED, UNLIMITED, (UNLIMITED, UNLIMITED)),
    ],
)
def test_as_many_files_as_are_allowed_may_be_open(monkeypatch, soft: int, hard: int, expected: tuple[int, int]) -> None:
    found = limited(monkeypatch, soft, hard)
    process.prepare()
    assert found[-1] == expected


def test_half_of_the_files_may_be_connections(monkeypatch) -> None:
    limited(monkeypatch, 1024, 4096)
    assert process.connections() == 512
    limited(monkeypatch, UNLIMITED, UNLIMITED)
    assert process.connections() == 32_768


def test_what_is_imported_is_not_collected_again(monkeypatch) -> None:
    limited(monkeypatch, 1024, 4096)
    process.prepare()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[0] == process.YOUNG


def resident_bytes() -> int:
    """Of this process, anonymous memory only (proc(5))."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["RssAnon"].split()[0]) * 1024


def test_holes_between_what_is_held_are_given_back() -> None:
    texts = [bytes(2000) for _ in range(40_000)]
    held = texts[::50]
    texts.clear()
    before = resident_bytes()
    process.trim()
    assert before - resident_bytes() > 20_000_000
    assert len(held) == 800


def test_a_library_that_cannot_trim_is_no_trouble(monkeypatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    process.trim()
