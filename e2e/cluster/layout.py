"""Where everything lies: profiles, their addresses, and their folders in the user's cache."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from e2e.cluster import versions

# RFC 2544's benchmarking range: never anyone's network.
BRIDGE = "llmfleet0"
BRIDGE_ADDRESS = "198.18.0.1"
POD_NETWORK = "198.18.0.0/20"
SERVICE_NETWORK = "198.19.0.0/16"
DNS_SERVICE_ADDRESS = "198.19.0.10"
DNS_PORT = 10053
NODE = "node-0"
# Where containerd puts containers when the kubelet names no parent; no option moves it.
CGROUP = "k8s.io"


class Profile(StrEnum):
    """How much of Kubernetes runs; each profile has ports and folders of its own, so all three can run at once."""

    API = "api"
    CONTROL = "control"
    FULL = "full"


@dataclass(frozen=True)
class Ports:
    """TCP ports of one profile's control plane."""

    apiserver: int
    etcd: int
    etcd_peer: int
    controller_manager: int
    scheduler: int


PORTS = {
    Profile.API: Ports(6643, 6644, 6645, 6646, 6647),
    Profile.CONTROL: Ports(6543, 6544, 6545, 6546, 6547),
    Profile.FULL: Ports(6443, 6444, 6445, 6446, 6447),
}
KUBELET_PORTS = (10250, 10248)
PROXY_PORTS = (10249, 10256)


def address(profile: Profile) -> str:
    """Address the API server listens on: the bridge's for full, so that pods reach it; else loopback."""
    return BRIDGE_ADDRESS if profile is Profile.FULL else "127.0.0.1"


def cache() -> Path:
    """Return the project's folder in the user's cache; everything the cluster writes is below it."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "llmfleet"


def bin_dir() -> Path:
    """Folder of the built binaries, named after their versions."""
    return cache() / "bin" / versions.stamp()


def cluster_dir() -> Path:
    """Folder of everything a running cluster changes."""
    return cache() / "cluster"


def run_dir(profile: Profile) -> Path:
    """Folder of one profile: certificates, logs, data, sockets."""
    return cluster_dir() / profile.value
