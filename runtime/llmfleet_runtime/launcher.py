"""PID 1 of a serving pod: ``python3 -m llmfleet_runtime.launcher``."""

import os
import signal
import sys
import time
from types import FrameType

STOPPED = 0
"""``contract.ExitCode.STOPPED``, without the second that importing the contract takes."""


def main() -> int:
    """Run the pod to its end and return the exit code."""
    began = time.time()
    # The kernel drops a signal that PID 1 has no handler for, and the kubelet sends SIGTERM only once;
    # so this comes before the heavy imports.
    signal.signal(signal.SIGTERM, _leave_at_once)
    from .pod import run  # noqa: PLC0415 because of the line above

    return run(began)


def _leave_at_once(_number: int, _frame: FrameType | None) -> None:
    os._exit(STOPPED)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: that would wait for a hub's client in the middle of a download.
    os._exit(code)
