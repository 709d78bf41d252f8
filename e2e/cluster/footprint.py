"""What the full profile leaves on the host outside its folder: recorded before, removed after.

containerd, kubelet and the network plugins have a few paths and kernel settings that no option moves. Before
the first change we write down what is there; afterwards whatever was not there goes, and settings go back.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from e2e.cluster import network

_PATHS = tuple(
    map(
        Path,
        (
            "/run/containerd",
            "/run/netns",
            "/run/nri",
            "/run/xtables.lock",
            "/var/lib/cni",
            "/var/lib/kubelet",
            "/var/lib/containerd",
            "/var/log/containers",
            "/var/log/pods",
            "/var/run/kubernetes",
            "/usr/libexec/kubernetes",
            "/etc/cni",
            "/opt/cni",
            "/opt/containerd",
        ),
    )
)
# Kernel settings that kubelet, kube-proxy or the network plugins change.
SETTINGS = tuple(
    Path("/proc/sys") / name
    for name in (
        "net/ipv4/ip_forward",
        "net/ipv4/conf/all/route_localnet",
        "net/ipv4/conf/all/forwarding",
        "net/ipv4/conf/default/forwarding",
        "net/ipv4/vs/conntrack",
        "net/bridge/bridge-nf-call-iptables",
        "net/netfilter/nf_conntrack_tcp_be_liberal",
        "vm/overcommit_memory",
        "vm/panic_on_oom",
        "kernel/panic",
        "kernel/panic_on_oops",
        "kernel/keys/root_maxkeys",
        "kernel/keys/root_maxbytes",
    )
)


def record(path: Path) -> None:
    """Write down what is there to `path`, unless an earlier start that was never taken down has done so."""
    if path.exists():
        return
    seen: dict[str, Any] = {
        "files": sorted(str(found) for watched in _PATHS for found in _walk(watched)),
        "tables": sorted(network.tables()),
        "settings": {str(setting): setting.read_text() for setting in SETTINGS if setting.exists()},
    }
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(seen))
    partial.replace(path)


def restore(path: Path) -> None:
    """Undo everything since `record`, then forget it."""
    if not path.exists():
        return
    seen = json.loads(path.read_text())
    for setting, value in seen["settings"].items():
        if Path(setting).read_text() != value:
            Path(setting).write_text(value)
    network.remove_tables(frozenset(seen["tables"]))
    known = frozenset(seen["files"])
    for watched in _PATHS:
        _remove_new(watched, known)
    path.unlink()


def _remove_new(path: Path, known: frozenset[str]) -> None:
    if not path.exists() and not path.is_symlink():
        return
    if str(path) not in known:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    elif path.is_dir() and not path.is_symlink():
        for child in path.iterdir():
            _remove_new(child, known)


def _walk(path: Path) -> list[Path]:
    if not path.exists() and not path.is_symlink():
        return []
    below = path.iterdir() if path.is_dir() and not path.is_symlink() else ()
    return [path, *(found for child in below for found in _walk(child))]
