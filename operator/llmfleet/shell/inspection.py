"""Runs the program of the inspection Job on this machine, over a folder or a repository (decision 0015)."""

import subprocess
import sys

from pydantic import ValidationError

from llmfleet_runtime.contract import ModelFacts

PROGRAM = "llmfleet_runtime.inspection"
TIMEOUT_SECONDS = 120


def inspected(source: str, revision: str | None = None) -> ModelFacts:
    """The facts of a model. Raises ``ValueError`` with the program's own words when there are none.

    ``source`` is a folder, a GGUF file, or ``hf://ORG/NAME``.
    """
    command = (sys.executable, "-P", "-m", PROGRAM, source, *(("--revision", revision) if revision else ()))
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)  # noqa: S603 because it is our own program, and the source one argument of it
    except subprocess.TimeoutExpired:
        raise ValueError(f"{source} was not read within {TIMEOUT_SECONDS} s") from None
    if ended.returncode:
        raise ValueError(ended.stderr.strip() or f"{PROGRAM} ended with {ended.returncode}")
    try:
        return ModelFacts.model_validate_json(ended.stdout)
    except ValidationError:
        raise ValueError(f"{source} holds no model") from None
