"""The Debian packages of the full profile: the container runtime's helpers that are no Go modules."""

import os
import subprocess
from pathlib import Path

from e2e.cluster import machine
from e2e.cluster.errors import ClusterError
from e2e.cluster.progress import Report


def install(report: Report) -> None:
    """Install what is missing. Raises ClusterError with the command to run by hand."""
    lacking = machine.missing_packages()
    if not lacking:
        return
    with report.step(f"install {', '.join(lacking)}", then="build"):
        # An installation that was killed leaves dpkg half done; finishing it first does nothing otherwise.
        _run("dpkg", "--configure", "-a")
        if not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
            _run("apt-get", "update", "-q")
        try:
            _install(lacking)
        except ClusterError:
            _run("apt-get", "update", "-q")  # Lists too old to find the packages by.
            _install(lacking)


def _install(names: tuple[str, ...]) -> None:
    _run("apt-get", "install", "-y", "-q", "--no-install-recommends", *names)


def _run(*command: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ClusterError(f"`{' '.join(command)}` failed: {(done.stderr or done.stdout)[-500:].strip()}")
