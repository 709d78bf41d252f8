"""vLLM with a slower clock, so that several engines fit onto two cores without taking each other's time.

After each step the engine waits a fixed number of times the processor time that the step took. What it computes, when
and for whom is vLLM's own doing and takes as long in proportion; but a busy engine uses a fraction of a core, as one
does whose computing is done on a GPU. This module is loaded by vLLM, in its own environment, as a plugin.
"""

import functools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

VARIABLE = "LLMFLEET_SLOWED_BY"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Else a step's time would be several threads', of which one is seen."""
Step = Callable[..., Any]


def plugin(folder: Path) -> Path:
    """Make a folder that has vLLM load this module when it is on Python's path."""
    described = folder / "slowed-0.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: slowed\nVersion: 0\n")
    (described / "entry_points.txt").write_text(f"[vllm.general_plugins]\nslowed = {__name__}:register\n")
    return folder


def register() -> None:
    """What vLLM calls in each of its processes, in some of them twice."""
    from vllm.v1.worker.gpu_worker import Worker  # noqa: PLC0415 because only vLLM's environment has it

    if not hasattr(Worker.execute_model, "is_slowed"):
        Worker.execute_model = slowed(Worker.execute_model, float(os.environ[VARIABLE]))


def slowed(
    step: Step, times: float, clock: Callable[[], float] = time.thread_time, wait: Callable[[float], None] = time.sleep
) -> Step:
    """The same step, and a wait of so many times its seconds by ``clock``."""

    @functools.wraps(step)
    def slower(*arguments: object, **named: object) -> object:
        began = clock()
        found = step(*arguments, **named)
        wait(times * (clock() - began))
        return found

    slower.is_slowed = True  # type: ignore[attr-defined] # because it is seen by the next call
    return slower
