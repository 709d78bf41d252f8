"""Runs a module whose new processes are forked where it asks for spawned ones.

``python3 -m llmfleet_runtime.forked MODULE ARGUMENT…``, standard library only. vLLM's CPU build insists
on spawning its engine process, which then imports everything a second time: that is half of a small
pod's start-up time and of its memory. A fork is safe while the parent has no OpenMP team, so the launcher
uses this with one thread only.
"""

import gc
import multiprocessing
import os
import runpy
import sys
from multiprocessing.context import BaseContext


def main() -> None:
    """Become the module named by the first argument."""
    original = multiprocessing.get_context

    def get_context(method: str | None = None) -> BaseContext:
        return original("fork" if method == "spawn" else method)

    multiprocessing.get_context = get_context  # type: ignore[assignment]  # because that is the point
    # Objects that the collector never touches stay in pages that both processes share.
    os.register_at_fork(before=gc.freeze)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
