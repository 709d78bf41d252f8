"""A registry of images and artifacts for tests, built once: go-containerregistry's own, over a folder."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from e2e.cluster import toolchain

from .install import InstallError, Report, cache_folder, locked, print_line

SOURCE = Path(__file__).with_name("registry")


def registry(report: Report = print_line) -> Path:
    """The program ``registry ADDRESS FOLDER [USER:PASSWORD]``; needs the network once. Raises ``InstallError``."""
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(SOURCE.iterdir()))).hexdigest()[:10]
    folder = cache_folder() / "registry" / key
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "lock", report):
        if not (folder / "registry").exists():
            report("registry: build")
            _build(folder)
    return folder / "registry"


def _build(folder: Path) -> None:
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(SOURCE, work)
    go = toolchain.installed() or toolchain.install()
    command = (str(go), "build", "-mod=mod", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w", "-o", "registry", ".")
    environment = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallError(f"the registry does not build: {done.stderr[-1000:].strip()}")
    (work / "registry").rename(folder / "registry")
    shutil.rmtree(work)
