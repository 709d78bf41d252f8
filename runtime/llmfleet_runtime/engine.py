"""The engine as a child process: its group, its output, its end; and every orphan that comes to PID 1."""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence

KEPT_BYTES = 64 * 1024
"""Of the engine's output; enough for the tracebacks of several processes."""

PR_SET_CHILD_SUBREAPER = 36


class Engine:
    """One run of the engine. ``exited`` becomes its exit code, negative for a signal."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it, in a process group of its own. Needs a running loop."""
        loop = asyncio.get_running_loop()
        self.started = time.time()
        self.exited: asyncio.Future[int] = loop.create_future()
        self._tail = bytearray()
        _become_subreaper()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        self._process = subprocess.Popen(  # noqa: S603 because argv is a checked list and no shell is near
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        # A thread, so that a slow log reader can never hold up the probes.
        self._copier = threading.Thread(target=self._copy_output, name="engine-output", daemon=True)
        self._copier.start()

    def output(self) -> str:
        """The end of what it wrote, as text."""
        return bytes(self._tail).decode(errors="replace")

    async def stop(self, grace_seconds: float) -> int:
        """SIGTERM, SIGKILL to the whole group after ``grace_seconds``, and its exit code.

        The group dies in any case: vLLM can hang in its own shutdown, and leaves workers behind.
        """
        if grace_seconds > 0 and not self.exited.done():
            self._signal(signal.SIGTERM)
            await asyncio.wait({self.exited}, timeout=grace_seconds)
        self._signal(signal.SIGKILL)
        code = await self.exited
        await asyncio.to_thread(self._copier.join, 1.0)
        return code

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGTERM:
                os.kill(self._process.pid, number)
            else:
                os.killpg(self._process.pid, number)

    def _reap(self) -> None:
        """Collect every child that has ended: the engine, and orphans of its workers."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._process.pid:
                self._process.returncode = os.waitstatus_to_exitcode(status)
                self.exited.set_result(self._process.returncode)

    def _copy_output(self) -> None:
        pipe = self._process.stdout
        if pipe is None:
            return
        while chunk := os.read(pipe.fileno(), 65536):
            self._tail = (self._tail + chunk)[-KEPT_BYTES:]
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()


def _become_subreaper() -> None:
    """Get orphans even where the launcher is not PID 1, as in a pod that shares its process namespace."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
