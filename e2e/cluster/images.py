"""Images without a registry: a base made from the host's own Debian release, and builds on top of it with buildah.

Everything lies in the cache; a build whose inputs are unchanged is skipped.
"""

import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from e2e.cluster import archive, layout
from e2e.cluster.errors import ClusterError
from e2e.cluster.lock import hold
from e2e.cluster.processes import marked_environment

BASE = "localhost/llmfleet/base:dev"
_PACKAGES = (
    "python3",
    "python3-venv",
    "ca-certificates",
    "libnuma1",
    "libgomp1",
)  # lib*: for engines that are bound in
# What is bound from below /root must be reachable for a user who is not root.
_OPEN_HOME = '--customize-hook=chmod 755 "$1/root"'
_ENVIRONMENT = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]


def base_image() -> Path:
    """Return the base image's archive, called BASE: the host's Debian release with Python, made once in 20 s.

    The host's release, because programs bound from the host into containers must find their C library there.
    Raises ClusterError with mmdebstrap's words.
    """
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "bookworm")
    command = ["mmdebstrap", "--variant=apt", f"--include={','.join(_PACKAGES)}", _OPEN_HOME, codename]
    made = _folder() / f"base-{codename}-{hashlib.sha256(repr(command).encode()).hexdigest()[:8]}.tar"
    with hold(layout.cache() / "base.lock"):
        if not made.exists():
            root = _scratch("base") / "root.tar"
            _run([*command, str(root)])
            archive.write(made, BASE, root, {"Env": _ENVIRONMENT, "Cmd": ["/bin/sh"]})
            shutil.rmtree(root.parent)
    return made


def build(
    containerfile: Path,
    context: Path,
    tag: str,
    build_args: Mapping[str, str] | None = None,
    volumes: Mapping[Path, str] | None = None,
) -> Path:
    """Build `containerfile` over `context` and return an OCI archive of the image called `tag`.

    `build_args` fill its ARGs; BASE, unless given, is the local base image. `volumes` maps host folders to where
    the build sees them read-only, such as wheels. Raises ClusterError with buildah's last words.
    """
    arguments = {"BASE": BASE, **(build_args or {})}
    mounts = dict(volumes or {})
    identity = repr((tag, sorted(arguments.items()), sorted(mounts.values()), base_image().name))
    digest = _digest(identity, containerfile, (context, *mounts))
    made = _folder() / f"{_repository(tag).replace('/', '_')}-{digest}.tar"
    # The network is the host's: with wheels in a volume a build needs none, and without it may use PyPI.
    command = ["build", "--network=host", "--pull-never", "--tag", tag, "--file", str(containerfile)]
    command += [f"--build-arg={key}={value}" for key, value in arguments.items()]
    command += [f"--volume={source}:{target}:ro" for source, target in mounts.items()]
    # One at a time: cleaning up would take the working containers of another build away.
    with hold(layout.cache() / "images.lock"):
        if not made.exists():
            _clean()
            _ensure_base()
            _buildah(*command, str(context))
            _export(tag, made)
    return made


def _export(tag: str, made: Path) -> None:
    """Write the archive and drop earlier builds of the same repository: each holds whole copies of its layers."""
    partial = _scratch("push") / "image.tar"
    _buildah("push", tag, f"oci-archive:{partial}:{tag}")
    for stale in _folder().glob(f"{made.stem.rpartition('-')[0]}-????????????.tar"):
        stale.unlink()
    partial.replace(made)
    for name in _buildah("images", "--format={{.Name}}:{{.Tag}}").split():
        if _repository(name) == _repository(tag) and name != tag:
            _buildah("rmi", "--force", name)
    _clean()


def _ensure_base() -> None:
    base = base_image()
    stamp = _folder() / "storage" / "base.stamp"
    identity = f"{base.stat().st_mtime_ns} {base.stat().st_size}"
    if not stamp.exists() or stamp.read_text() != identity:
        _buildah("pull", f"docker-archive:{base}")
        stamp.write_text(identity)


def _clean() -> None:
    """Forget what earlier builds left: its storage keeps whole copies, hundreds of megabytes each."""
    _buildah("rm", "--all")
    _buildah("rmi", "--prune", "--force")


def _repository(tag: str) -> str:
    return tag.rpartition(":")[0]


def _digest(identity: str, containerfile: Path, roots: tuple[Path, ...]) -> str:
    """Hash of all that goes into a build: its identity, and names and contents of files."""
    digest = hashlib.sha256(identity.encode() + containerfile.read_bytes())
    for root in roots:
        for path in sorted(found for found in root.rglob("*") if found.is_file() and "__pycache__" not in found.parts):
            digest.update(str(path.relative_to(root)).encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _buildah(*arguments: str) -> str:
    storage = _folder() / "storage"
    storage.mkdir(exist_ok=True)
    roots = [f"--root={storage / 'root'}", f"--runroot={storage / 'run'}", "--storage-driver=vfs"]
    return _run(["buildah", *roots, *arguments])


def _run(command: list[str]) -> str:
    # Without isolation by namespaces it works inside containers too; marked, so that `down` finds a killed one.
    mark = marked_environment(layout.cluster_dir(), "images")
    own = {"BUILDAH_ISOLATION": "chroot", "TMPDIR": str(_scratch("tmp")), "HOME": str(_scratch("home"))}
    environment = {**os.environ, **own, **mark}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ClusterError(f"`{command[0]}` failed: {done.stderr[-2000:].strip()}")
    return done.stdout


def _scratch(name: str) -> Path:
    folder = _folder() / "scratch" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _folder() -> Path:
    folder = layout.cache() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
