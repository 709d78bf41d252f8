"""The container runtime of the node: containerd's settings, its network, and what every container sees of the host."""

import json
import subprocess
from pathlib import Path
from typing import Any

from e2e.cluster import archive, layout
from e2e.cluster.errors import ClusterError

PAUSE_IMAGE = "localhost/llmfleet/pause:1"
_RUNC = "/usr/sbin/runc"
_CNI_BINARIES = "/usr/lib/cni"

_CONFIG = """\
version = 3
imports = []
root = "{folder}/containerd"
state = "{folder}/containerd-state"
temp = "{folder}/tmp"

[grpc]
  address = "{folder}/containerd.sock"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{pause}"

[plugins."io.containerd.cri.v1.runtime"]
  # Without CAP_SYS_RESOURCE every sandbox would die at "failed to update oom_score_adj".
  restrict_oom_score_adj = true
  # Else the network namespaces are mounted in /run/netns, outside our folder.
  netns_mounts_under_state_dir = true
  cdi_spec_dirs = []
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{cni}"]
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    base_runtime_spec = "{folder}/base-spec.json"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      BinaryName = "{runc}"
      Root = "{folder}/runc"
      SystemdCgroup = false

[plugins."io.containerd.metadata.v1.bolt"]
  no_sync = true
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
"""


def socket(folder: Path) -> Path:
    """Where containerd of the cluster in `folder` listens."""
    return folder / "containerd.sock"


def argv(folder: Path) -> list[str]:
    """Return containerd's command line."""
    return ["containerd", f"--config={folder / 'containerd.toml'}"]


def configure(folder: Path, binds: tuple[Path, ...]) -> None:
    """Write containerd's settings, the network's, and the spec that shows `binds` to every container."""
    text = _CONFIG.format(folder=folder, pause=PAUSE_IMAGE, runc=_RUNC, cni=_CNI_BINARIES)
    (folder / "containerd.toml").write_text(text)
    (folder / "cni").mkdir(exist_ok=True)
    (folder / "cni" / "10-llmfleet.conflist").write_text(json.dumps(_network(folder), indent=2))
    show(folder, binds)


def show(folder: Path, binds: tuple[Path, ...]) -> None:
    """Write the base of every container's spec: containerd's default plus read-only `binds` at their own paths."""
    # Reads the default from the program itself; it needs no daemon.
    done = subprocess.run([layout.bin_dir() / "ctr", "oci", "spec"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"`ctr oci spec` failed: {done.stderr.strip()}")
    spec = json.loads(done.stdout)
    spec["mounts"] += [
        {"destination": str(path), "type": "bind", "source": str(path), "options": ["rbind", "ro", "nosuid"]}
        for path in binds
    ]
    (folder / "base-spec.json").write_text(json.dumps(spec, indent=2))


def import_pause_image(folder: Path) -> None:
    """Give containerd the image of the process that holds a pod's namespaces."""
    program = (layout.bin_dir() / "pause").read_bytes()
    path = folder / "tmp" / "pause.tar"
    layer = archive.layer({"pause": program})
    archive.write(path, PAUSE_IMAGE, layer, {"Entrypoint": ["/pause"], "User": "65535:65535"})
    import_image(folder, path)


def import_image(folder: Path, path: Path) -> None:
    """Import a docker or OCI archive. Raises ClusterError with ctr's words."""
    ctr = [str(layout.bin_dir() / "ctr"), f"--address={socket(folder)}", "--namespace=k8s.io"]
    done = subprocess.run([*ctr, "images", "import", str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"Importing {path} into containerd failed: {done.stderr.strip()}")


def answers(folder: Path) -> bool:
    """Whether containerd of the cluster in `folder` serves requests."""
    ctr = [str(layout.bin_dir() / "ctr"), f"--address={socket(folder)}", "--connect-timeout=2s", "version"]
    return subprocess.run(ctr, capture_output=True, check=False).returncode == 0


def _network(folder: Path) -> dict[str, Any]:
    ipam = {
        "type": "host-local",
        "ranges": [[{"subnet": layout.POD_NETWORK, "gateway": layout.BRIDGE_ADDRESS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(folder / "ipam"),
    }
    bridge = {"type": "bridge", "bridge": layout.BRIDGE, "isGateway": True, "hairpinMode": True, "ipMasq": False}
    return {
        "cniVersion": "1.0.0",
        "name": "llmfleet",
        "plugins": [{**bridge, "ipam": ipam}, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }
