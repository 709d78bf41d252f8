"""vLLM whose steps take as long as on an accelerator, so that several engines fit onto two cores.

A step takes a fixed time and some for each of its tokens, however busy the machine is: what is computed for it takes a
small part of that, and the engine waits for the rest. What is scheduled, when and for whom is vLLM's own doing. This
module is loaded by vLLM, in its own environment, as a plugin.
"""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

STEP_SECONDS, TOKEN_SECONDS = 0.15, 0.001
"""Long beside what these steps take to compute, on a machine where others compute, too."""
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Else the steps of several engines take each other's cores."""


class Scheduled(Protocol):
    """vLLM's ``SchedulerOutput``."""

    total_num_scheduled_tokens: int
    """Of prompts, and one for each sequence that decodes."""


Step = Callable[[Any, Scheduled], Any]


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
        Worker.execute_model = slowed(Worker.execute_model)


def slowed(step: Step, clock: Callable[[], float] = time.monotonic, wait: Callable[[float], None] = time.sleep) -> Step:
    """The same step, and what is left of its time; one without tokens takes none."""

    @functools.wraps(step)
    def slower(worker: Any, scheduled: Scheduled) -> Any:
        began, tokens = clock(), scheduled.total_num_scheduled_tokens
        found = step(worker, scheduled)
        if tokens:
            wait(max(0.0, began + STEP_SECONDS + TOKEN_SECONDS * tokens - clock()))
        return found

    slower.is_slowed = True  # type: ignore[attr-defined] # because it is seen by the next call
    return slower
