"""The facts that preflight judges, read from this machine."""

import os
import platform
import shutil
import socket
import subprocess
import time
from pathlib import Path

from e2e.cluster import build, layout, processes, sweep, toolchain, versions
from e2e.cluster.layout import Profile
from e2e.cluster.preflight import Machine

# Programs that share fixed paths, cgroups and iptables chains with ours.
_RIVALS = frozenset({"kubelet", "kube-proxy", "containerd", "dockerd", "k3s-server", "crio"})
_INSTANT = 0.2


def examine(profile: Profile, binds: tuple[Path, ...]) -> Machine:
    """Gather everything that decides whether `profile` can start."""
    cache = layout.cache()
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    return Machine(
        system=platform.system(),
        root=os.geteuid() == 0,
        apt=shutil.which("apt-get") is not None,
        go=toolchain.installed() is not None,
        go_from_pypi=toolchain.available(),
        built=not build.missing(profile),
        free_bytes=shutil.disk_usage(existing).free,
        cache=str(cache),
        missing_packages=missing_packages() if profile is Profile.FULL else (),
        missing_paths=tuple(str(path) for path in binds if not path.exists()),
        busy_ports=busy_ports(profile),
        rivals=rivals(),
    )


def missing_packages() -> tuple[str, ...]:
    """Debian packages of the full profile that are not installed."""
    if not shutil.which("dpkg-query"):
        return versions.DEBIAN_PACKAGES
    query = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *versions.DEBIAN_PACKAGES]
    listed = subprocess.run(query, capture_output=True, text=True, check=False).stdout.splitlines()
    return tuple(name for name in versions.DEBIAN_PACKAGES if f"{name} installed" not in listed)


def busy_ports(profile: Profile) -> tuple[str, ...]:
    """Ports of `profile` that another program listens on, as address:port; what we left behind does not count."""
    if processes.running(layout.run_dir(profile)):
        return ()
    ports = layout.PORTS[profile]
    wanted = [ports.apiserver, ports.etcd, ports.etcd_peer]
    if profile is not Profile.API:
        wanted += [ports.controller_manager, ports.scheduler]
    if profile is Profile.FULL:
        wanted += [*layout.KUBELET_PORTS, *layout.PROXY_PORTS, layout.DNS_PORT, layout.DNS_PORT + 1]
    return tuple(f"127.0.0.1:{port}" for port in wanted if not _free(port))


def rivals() -> tuple[str, ...]:
    """Names of running programs that would fight with the full profile."""
    suspects = _suspects()
    if suspects:
        # For an instant after its start, and before its end, a process of ours shows its name and not yet its mark.
        time.sleep(_INSTANT)
        suspects &= _suspects()
    strangers = [] if sweep.footprint_path().exists() or not sweep.contained() else ["containers of another runtime"]
    return tuple(sorted({name for _, name in suspects}) + strangers)


def _suspects() -> set[tuple[int, str]]:
    """Number and name of each process that bears a rival's name and not our mark; names are read before marks."""
    named = {(int(entry.name), _command(entry)) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    ours = {process.pid for process in processes.running(layout.cluster_dir())}
    return {(pid, name) for pid, name in named if name in _RIVALS and pid not in ours}


def _command(entry: Path) -> str:
    try:
        return "" if processes.is_zombie(int(entry.name)) else (entry / "comm").read_text().strip()
    except OSError:
        return ""


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
