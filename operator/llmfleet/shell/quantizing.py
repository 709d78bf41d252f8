"""Runs the program that makes quantized checkpoints, in a Python that has llm-compressor."""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, RootModel

from llmfleet_runtime import contract
from llmfleet_runtime.contract import QUANTIZING, Made, Order, Refusal, Step

RUNTIME = Path(contract.__file__).parent
MISSING = 69
"""Its exit code where llm-compressor is not installed."""
STOP_SECONDS = 20
LAST_BYTES = 2000


class _Line(RootModel[Annotated[Step | Made | Refusal, Field(discriminator="kind")]]):
    """What the program tells at once."""


class NotMade(Exception):
    """The program ended without all that was ordered; the text says why."""


class NotInstalled(NotMade):
    """The Python has no llm-compressor."""


def made(order: Order, python: str, log: Path) -> Iterator[Step | Made]:
    """What the program tells, as it tells it; what its libraries print goes to ``log``.

    Raises ``NotMade``. Closing the iterator, or an interrupt, ends the program and waits for it.
    """
    with log.open("ab") as output, tempfile.TemporaryFile() as ordered, tempfile.TemporaryDirectory() as alone:
        ordered.write(order.to_json().encode())
        ordered.seek(0)
        # Our package alone: what else is installed beside this command is of other versions.
        (Path(alone) / RUNTIME.name).symlink_to(RUNTIME)
        try:
            program = subprocess.Popen(  # noqa: S603 because it is our own program, and its Python the user's
                (python, "-P", "-m", QUANTIZING),
                stdin=ordered,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                env={**os.environ, "PYTHONPATH": alone},
                start_new_session=True,
            )
        except OSError as error:
            raise NotMade(f"{python} cannot be run: {error.strerror}") from error
        try:
            yield from _told(program, log)
        finally:
            _end(program)


def _told(program: subprocess.Popen[str], log: Path) -> Iterator[Step | Made]:
    refused = ""
    for line in program.stdout or ():
        document = _Line.model_validate_json(line).root
        if isinstance(document, Refusal):
            refused = document.reason
        else:
            yield document
    if code := program.wait():
        if code == MISSING:
            raise NotInstalled(refused)
        raise NotMade(refused or f"it ended with {code}; the last words in {log} are: {_last_words(log)}")


def _end(program: subprocess.Popen[str]) -> None:
    with program:  # closes its output
        if program.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGTERM)
        try:
            program.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(program.pid, signal.SIGKILL)


def _last_words(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LAST_BYTES))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "none"
