"""Runs the program of the inspection Job on a folder of this machine (decision 0015)."""

import subprocess
import sys
from pathlib import Path

from pydantic import ValidationError

from llmfleet_runtime.contract import ModelFacts

PROGRAM = "llmfleet_runtime.inspection"
TIMEOUT_SECONDS = 120


def inspected(folder: Path) -> ModelFacts:
    """The facts of a model's folder. Raises ``ValueError`` with the program's own words when there are none."""
    command = (sys.executable, "-P", "-m", PROGRAM, str(folder))
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)  # noqa: S603 because it is our own program, and the folder one argument of it
    except subprocess.TimeoutExpired:
        raise ValueError(f"{folder} was not read within {TIMEOUT_SECONDS} s") from None
    if ended.returncode:
        raise ValueError(ended.stderr.strip() or f"{PROGRAM} ended with {ended.returncode}")
    try:
        return ModelFacts.model_validate_json(ended.stdout)
    except ValidationError:
        raise ValueError(f"{folder} holds no model") from None
