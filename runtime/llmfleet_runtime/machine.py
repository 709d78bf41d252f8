"""What the container is: the installed engine, its device, cores and memory. ``root`` is "/" but in tests."""

import os
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from .engines.dialect import BadConfig, Dialect, Platform

UNLIMITED_BYTES = 2**60
"""Control groups of the first kind write an absurd number where there is no limit."""

DEVICES = {
    "rocm": ("dev/kfd",),
    "": ("dev/nvidia[0-9]*", "dev/nvgpu", "dev/nvhost-gpu", "dev/dxg"),
}
"""Files that show a usable device, by a word in the engine's version; "" stands for CUDA."""


def engine_version(engine: Dialect) -> str:
    """The installed engine's version; builds for the CPU hold ``+cpu``. Raises ``BadConfig`` without one."""
    own = engine.installed
    for package, suffix in own.distributions:
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
        return version if suffix in version else version + suffix
    if own.program is None:
        raise BadConfig(f"this image holds no {engine.title} that its python3 can find")
    return _told(engine, own.program)


def _told(engine: Dialect, program: str) -> str:
    """What the program says of itself; what lies beside it tells what it was built for."""
    path = shutil.which(program)
    if path is None:
        raise BadConfig(f"this image holds no {engine.title}: {program} is not on the PATH")
    try:
        done = subprocess.run((path, "--version"), capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 because it is the engine of this image
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadConfig(f"{engine.title}: {program} --version cannot be run: {error}") from error
    found = engine.installed.version.search(done.stdout + done.stderr)
    if found is None:
        raise BadConfig(f"{engine.title}: {program} --version tells none: {(done.stdout + done.stderr)[-300:]!r}")
    folder = Path(path).resolve().parent
    builds = (build for pattern, build in engine.installed.backends if any(folder.glob(pattern)))
    return f"{found[1]}+{next(builds, 'cpu')}"


def platform(engine: Dialect, port: int, root: Path = Path("/")) -> Platform:
    """Describe this container. Raises ``BadConfig`` when the engine needs a device that is not there."""
    version = engine_version(engine)
    is_cpu_build = "cpu" in version
    if not is_cpu_build and not has_device(version, root):
        raise BadConfig(
            f"{engine.title} {version} needs a GPU and this container has none: ask for one in accelerator, "
            "check the node's device plugin and runtime class, or use a CPU build of the engine"
        )
    return Platform(
        engine_version=version, is_cpu_build=is_cpu_build, cpus=cpus(root), has_amx=has_amx(root), port=port
    )


def has_device(version: str, root: Path) -> bool:
    """Whether a device of the kind that this build uses is in the container.

    ``NVIDIA_VISIBLE_DEVICES`` does not tell: CUDA's own images set it to ``all``.
    """
    kind = "rocm" if "rocm" in version else ""
    return any(True for pattern in DEVICES[kind] for _ in root.glob(pattern))


def has_amx(root: Path = Path("/")) -> bool:
    """Whether the kernel lists the processor's tiles."""
    return "amx_tile" in _read(root / "proc/cpuinfo").split()


def memory_bytes(root: Path = Path("/")) -> int | None:
    """The container's memory limit; None when it has none."""
    groups = root / "sys/fs/cgroup"
    for path in (groups / "memory.max", groups / "memory/memory.limit_in_bytes"):
        text = _read(path)
        if text.isdigit():
            return int(text) if int(text) < UNLIMITED_BYTES else None
    return None


def cpus(root: Path = Path("/")) -> int:
    """Whole cores this container may use: its quota where it has one, else what the kernel would give it."""
    groups = root / "sys/fs/cgroup"
    second = _read(groups / "cpu.max").split()
    first = [_read(groups / "cpu" / name) for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")]
    for limits in (second, first):
        if len(limits) == 2 and all(limit.isdigit() and int(limit) for limit in limits):
            return max(1, int(limits[0]) // int(limits[1]))
    return len(os.sched_getaffinity(0))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
