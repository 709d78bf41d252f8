"""The node's network: a bridge whose address everything listens on, and the packet filter's chains."""

import subprocess
from pathlib import Path

from e2e.cluster import layout
from e2e.cluster.errors import ClusterError

_PREFIX_LENGTH = layout.POD_NETWORK.rpartition("/")[2]
# kube-proxy's and the port mapping plugin's chains.
_CHAINS = ("KUBE-", "CNI-")
_TABLES = ("filter", "nat", "mangle", "raw")


def create_bridge() -> None:
    """Make the bridge before the API server starts, which needs its address."""
    _run("ip", "link", "add", layout.BRIDGE, "type", "bridge")
    _run("ip", "address", "add", f"{layout.BRIDGE_ADDRESS}/{_PREFIX_LENGTH}", "dev", layout.BRIDGE)
    _run("ip", "link", "set", layout.BRIDGE, "up")
    # What kube-proxy does not know, or not yet, ends at the bridge instead of leaving the machine.
    _run("ip", "route", "add", layout.SERVICE_NETWORK, "dev", layout.BRIDGE)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def remove_bridge() -> None:
    """Take away the bridge and the pods' ends of it."""
    if not Path("/sys/class/net", layout.BRIDGE).exists():
        return
    for port in Path("/sys/class/net", layout.BRIDGE, "brif").iterdir():
        # Gone at the same moment is fine: the kernel removes a pair when its namespace ends.
        subprocess.run(["ip", "link", "delete", port.name], capture_output=True, check=False)
    _run("ip", "link", "delete", layout.BRIDGE)


def remove_chains() -> None:
    """Take away the chains of kube-proxy and the network plugins, and the jumps to them."""
    for command in ("iptables", "ip6tables"):
        for table in _TABLES:
            saved = subprocess.run([f"{command}-save", "-t", table], capture_output=True, text=True, check=False)
            script = removal(table, saved.stdout)
            if script:
                _run(f"{command}-restore", "--noflush", text=script)


def tables() -> frozenset[str]:
    """List the nftables tables there are, as `family name`; iptables of today makes them and never takes them away."""
    listed = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False).stdout
    return frozenset(line.removeprefix("table ") for line in listed.splitlines())


def remove_tables(known: frozenset[str]) -> None:
    """Take away iptables' tables that are not among `known` and hold no rule."""
    for table in tables() - known:
        family, name = table.split()
        saved = {"ip": "iptables-save", "ip6": "ip6tables-save"}.get(family)
        if not saved or name not in _TABLES:
            continue
        listed = subprocess.run([saved, "-t", name], capture_output=True, text=True, check=False).stdout
        if "\n-A " not in listed:
            _run("nft", "delete", "table", family, name)


def removal(table: str, saved: str) -> str:
    """Write what iptables-restore must read to undo our part of `saved`, the table's iptables-save; empty if none."""
    lines = saved.splitlines()
    ours = [line[1:].split()[0] for line in lines if line.startswith(tuple(f":{prefix}" for prefix in _CHAINS))]
    if not ours:
        return ""
    jumps = tuple(f"-j {prefix}" for prefix in _CHAINS)
    entries = [
        f"-D {line[3:]}"
        for line in lines
        if line.startswith("-A ") and line[3:].split()[0] not in ours and any(jump in line for jump in jumps)
    ]
    flushed = [f":{chain} - [0:0]" for chain in ours]
    deleted = [f"-X {chain}" for chain in ours]
    return "\n".join([f"*{table}", *flushed, *entries, *deleted, "COMMIT", ""])


def _run(*command: str, text: str | None = None) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
