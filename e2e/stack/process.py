"""The processes of a pod as the node's kernel sees them; the node is this machine."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from .kubectl import Document

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One process on this machine."""

    pid: int

    def resident_bytes(self) -> int:
        """Memory that it holds now."""
        pages = int((PROC / str(self.pid) / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def kill(self) -> None:
        """SIGKILL: what it was doing stays half done."""
        os.kill(self.pid, signal.SIGKILL)


def processes_of(pod: Document) -> list[Process]:
    """Processes of the pod's containers, found by the containers' ids in their control groups."""
    statuses = pod.get("status", {}).get("containerStatuses", ())
    ids = [status["containerID"].rpartition("/")[2] for status in statuses if status.get("containerID")]
    return [Process(int(path.name)) for path in PROC.iterdir() if path.name.isdigit() and belongs(path, ids)]


def belongs(path: Path, ids: list[str]) -> bool:
    """Whether a process is in one of the containers. Processes end while they are looked at."""
    try:
        groups = (path / "cgroup").read_text()
    except OSError:
        return False
    return any(container in groups for container in ids)
