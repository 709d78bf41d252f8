"""What a cluster could leave behind on this machine, as sets that can be compared."""

import os
import subprocess
from pathlib import Path

from e2e.cluster import footprint, layout, processes

_ROOTS = ("/etc", "/opt", "/run", "/srv", "/usr", "/var")
# Kept by package installation and by the system itself; none of it is the cluster's.
_PASSING = ("/var/cache/", "/var/lib/apt", "/var/lib/dpkg", "/var/log/apt", "/var/log/dpkg.log", "/var/tmp/")


def snapshot() -> dict[str, frozenset[str]]:
    """Mounts, links, packet filter, processes, files, cgroups and kernel settings, as they are now."""
    return {
        "mounts": frozenset(_mounts()),
        "links": frozenset(path.name for path in Path("/sys/class/net").iterdir()),
        "packet filter": frozenset(_packet_filter()),
        "processes": frozenset(_processes()),
        "files": frozenset(path for root in _ROOTS for path in _files(root)),
        "home": frozenset(path.name for path in Path.home().iterdir()),
        "cgroups": frozenset(map(str, Path("/sys/fs/cgroup").glob("*/k8s.io*"))),
        "settings": frozenset(f"{s}={s.read_text()}" for s in footprint.SETTINGS if s.exists()),
    }


def difference(before: dict[str, frozenset[str]], after: dict[str, frozenset[str]]) -> dict[str, list[str]]:
    """What appeared and what vanished, by kind; empty when nothing did."""
    kinds = {kind: sorted(before[kind] ^ after[kind]) for kind in before}
    return {kind: changed for kind, changed in kinds.items() if changed}


def _mounts() -> list[str]:
    return [" ".join(line.split()[3:5]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def _packet_filter() -> list[str]:
    commands = (["iptables-save"], ["ip6tables-save"], ["nft", "list", "tables"])
    printed = [subprocess.run(c, capture_output=True, text=True, check=False).stdout for c in commands]
    lines = (line for text in printed for line in text.splitlines() if not line.startswith("#"))
    return [line.partition(" [")[0] for line in lines]  # Without counters.


def _processes() -> list[str]:
    """Ours by mark, and everything that lives in namespaces other than this test's: containers of any origin."""
    marked = {process.pid for process in processes.running(layout.cache())}
    own = _network_of(Path("/proc/self"))
    foreign = {int(e.name) for e in Path("/proc").iterdir() if e.name.isdigit() and _network_of(e) not in (own, "")}
    return [str(pid) for pid in marked | foreign]


def _network_of(entry: Path) -> str:
    try:
        return str((entry / "ns" / "net").readlink())
    except OSError:
        return ""


def _files(root: str) -> list[str]:
    found = []
    for folder, _, names in os.walk(root):
        if "__pycache__" not in folder and not folder.startswith(_PASSING):
            found += [folder, *(f"{folder}/{name}" for name in names)]
    cache = str(layout.cache())
    return [path for path in found if not path.startswith((cache, *_PASSING))]
