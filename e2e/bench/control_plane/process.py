"""An operator as a process of this machine: what the kernel says of its time and memory."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2e.cluster import ClusterError

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 30.0


def cpu_seconds(stat: str) -> float:
    """User and system time of a process, from its ``/proc/PID/stat``."""
    fields = stat.rpartition(")")[2].split()  # the name before may hold blanks
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def memory_bytes(status: str, member: str) -> int:
    """VmHWM, the most memory that a process held at once, or VmRSS, what it holds, from its ``/proc/PID/status``.

    LookupError when it is not told.
    """
    for line in status.splitlines():
        if line.startswith(f"{member}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"no {member}: the process has ended")


class Running:
    """A started process; its output goes to a file."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """Start it."""
        self.log = log
        self.started = time.time()
        with log.open("ab") as output:
            # A session of its own: Ctrl-C is ours to answer, and it is ended after what it works on.
            self._process = subprocess.Popen(
                list(argv), env=dict(environment), stdout=output, stderr=output, start_new_session=True
            )

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def cpu_seconds(self) -> float:
        """Processor time so far. ClusterError when it has ended."""
        return cpu_seconds(self._page("stat"))

    def high_water_bytes(self) -> int:
        """Most memory so far. ClusterError when it has ended."""
        return memory_bytes(self._page("status"), "VmHWM")

    def resident_bytes(self) -> int:
        """Memory at the moment. ClusterError when it has ended."""
        return memory_bytes(self._page("status"), "VmRSS")

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when that does not suffice."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def check(self) -> None:
        """ClusterError when it has ended by itself."""
        if not self.is_alive:
            raise ClusterError(f"the operator has ended; see {self.log}")

    def _page(self, name: str) -> str:
        self.check()
        return Path(f"/proc/{self._process.pid}/{name}").read_text(encoding="utf-8")


class Busy:
    """When a process was last at work, by its processor time."""

    def __init__(self, process: Running, share: float = 0.05, window: float = 0.1) -> None:
        """It is at work while it uses at least ``share`` of a core over ``window`` seconds."""
        self._process, self._share, self._window = process, share, window
        self._last = (time.time(), process.cpu_seconds())
        self.until = self._last[0]

    def look(self) -> float:
        """Take a look; the seconds since it was last at work."""
        now, used = time.time(), self._process.cpu_seconds()
        if now - self._last[0] >= self._window:
            if used - self._last[1] >= self._share * (now - self._last[0]):
                self.until = now
            self._last = (now, used)
        return now - self.until
