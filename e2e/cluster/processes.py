"""The cluster's processes, known by a mark in their environment rather than by a list of numbers.

A list on disk can be stale or half written when `up` is killed, and a number can be given to somebody else.
The mark is there from the first instruction of each process and is inherited by all its children.
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "LLMFLEET_CLUSTER"
COMPONENT = "LLMFLEET_COMPONENT"
_LAUNCHER = "setsid"
_INSTANT = 0.05


@dataclass(frozen=True)
class Process:
    """A running process of the cluster: number, component it belongs to, folder it was started for, program."""

    pid: int
    component: str
    folder: Path
    program: str

    @property
    def is_daemon(self) -> bool:
        """Whether this is the component itself and no child: containerd's shims carry its mark and outlive it."""
        # The kernel keeps 15 characters of a program's name; for its first instant it is the launcher.
        return self.program in (self.component[:15], _LAUNCHER)


def marked_environment(folder: Path, component: str) -> dict[str, str]:
    """Return the variables that mark a process as belonging to `folder`."""
    return {MARK: str(folder), COMPONENT: component}


def start(folder: Path, component: str, argv: list[str], environment: dict[str, str]) -> None:
    """Start `argv` in a session of its own, so that Ctrl-C does not reach it, logging to `folder/logs`.

    It becomes init's child, not ours: a test run that starts and ends many clusters collects no zombies.
    """
    log = folder / "logs" / f"{component}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        subprocess.run(
            [_LAUNCHER, "--fork", *argv],
            cwd=folder,
            env={**environment, **marked_environment(folder, component)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=True,
        )


def running(folder: Path) -> tuple[Process, ...]:
    """Find the processes started for `folder` or for a folder inside it."""
    found = (_read(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return tuple(p for p in found if p and (p.folder == folder or folder in p.folder.parents))


def kill(folder: Path, chosen: Callable[[Process], bool] | None = None) -> None:
    """End the processes of `folder` (those that `chosen` picks, if given) with SIGKILL and wait until they are gone.

    There is nothing to save: `down` deletes their data. New children may appear meanwhile, hence the loop; one that
    was being started when its parent was killed bears no mark for an instant, hence the second look at an empty list.
    """
    empty = 0
    for _ in range(50):
        targets = {p.pid: p for p in running(folder) if chosen is None or chosen(p)}
        if not targets:
            if empty:
                return
            empty += 1
            time.sleep(_INSTANT)
            continue
        end(targets, lambda pid, known=targets: _read(pid) == known[pid])  # type: ignore[misc] # because of the default


def end(pids: Iterable[int], ours: Callable[[int], bool]) -> None:
    """Kill processes and wait up to 5 s for each; ones that are gone already are fine.

    `ours` is asked once a number is held by a descriptor, so that a number given anew in between is spared.
    """
    handles = []
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            handle = os.pidfd_open(pid)
            handles.append(handle)
            if ours(pid):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
    deadline = time.monotonic() + 5
    for handle in handles:
        select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
        os.close(handle)


def _read(pid: int) -> Process | None:
    try:
        if is_zombie(pid):
            return None
        raw = Path(f"/proc/{pid}/environ").read_bytes()
        program = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None  # Gone meanwhile, or another user's.
    if MARK.encode() not in raw:
        return None
    variables = dict(pair.split("=", 1) for pair in raw.decode(errors="replace").split("\0") if "=" in pair)
    folder = variables.get(MARK)
    return Process(pid, variables.get(COMPONENT, ""), Path(folder), program) if folder else None


def is_zombie(pid: int) -> bool:
    """Whether a process has ended and only waits for its parent to notice. Raises OSError when it is gone."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
