"""Takes a cluster away, whole or half started, from what the machine shows rather than from what was written down."""

import os
import shutil
import subprocess
from pathlib import Path

from e2e.cluster import footprint, layout, network, processes
from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import Profile

_CGROUPS = Path("/sys/fs/cgroup")


def sweep(profile: Profile) -> None:
    """Leave nothing of `profile`: processes, containers, mounts, network, kernel settings, files.

    Safe to repeat, and to be killed at any point: the record of what was there before goes last.
    """
    folder = layout.run_dir(profile)
    processes.kill(folder)
    if profile is Profile.FULL and footprint_path().exists():
        _end_containers()
        _unmount(folder)
        network.remove_bridge()
        network.remove_chains()
        _remove_cgroups()
        footprint.restore(footprint_path())
    _delete(folder)


def footprint_path() -> Path:
    """Where the full profile writes down what the host looked like; its presence means that it changed something."""
    return layout.cluster_dir() / "footprint.json"


def _groups() -> list[Path]:
    """Find our folder under every cgroup controller, version 1 and 2."""
    if not _CGROUPS.is_dir():
        return []
    candidates = [_CGROUPS / layout.CGROUP, *(c / layout.CGROUP for c in _CGROUPS.iterdir() if c.is_dir())]
    return [group for group in candidates if group.is_dir()]


def _end_containers() -> None:
    for _ in range(50):
        pids = contained()
        if not pids:
            return
        processes.end(pids, lambda pid: pid in contained())


def contained() -> set[int]:
    """Numbers of the processes that run in containers."""
    lists = (file for group in _groups() for file in group.rglob("cgroup.procs"))
    return {int(pid) for file in lists for pid in file.read_text().split() if pid != "0"}


def _remove_cgroups() -> None:
    for group in _groups():
        for folder, _, _ in os.walk(group, topdown=False):
            Path(folder).rmdir()


def mounts(folder: Path) -> list[Path]:
    """Mount points inside `folder`, innermost first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = (Path(line.split()[4].encode().decode("unicode_escape")) for line in lines)
    return [point for point in reversed(list(points)) if folder in point.parents]


def _unmount(folder: Path) -> None:
    for point in mounts(folder):
        subprocess.run(["umount", "--lazy", str(point)], capture_output=True, check=False)


def _delete(folder: Path) -> None:
    # Deleting through a mount would delete what the user gave to a pod.
    left = mounts(folder)
    if left:
        raise ClusterError(f"{left[0]} is still mounted: `umount {left[0]}`, then run down again.")
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        shutil.rmtree(folder)
