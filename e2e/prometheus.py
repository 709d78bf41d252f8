"""A real Prometheus with promtool, from Debian's package: unpacked into the cache, so that no service starts with it.

``python -m e2e.prometheus`` makes it ready for the tests; about two seconds.
"""

import http
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import ClusterError, layout, progress
from e2e.cluster.lock import hold
from e2e.cluster.progress import Report

PROGRAMS = ("prometheus", "promtool")
READY_SECONDS, STOP_SECONDS = 30.0, 10.0


def folder() -> Path:
    """Where the two programs lie."""
    return layout.cache() / "prometheus"


def install(report: Report) -> Path:
    """The folder with both programs, fetched when they are not there. Raises ClusterError with the next step."""
    with hold(layout.cache() / "prometheus.lock", lambda: report.step("wait for another installation of Prometheus")):
        if all((folder() / name).exists() for name in PROGRAMS):
            return folder()
        if not shutil.which("apt-get"):
            raise ClusterError(f"There is no apt-get here: put prometheus and promtool into {folder()}.")
        with report.step("fetch Prometheus"), tempfile.TemporaryDirectory(dir=layout.cache()) as scratch:
            _fetch(Path(scratch))
            folder().mkdir(exist_ok=True)
            for name in PROGRAMS:
                (Path(scratch) / "usr" / "bin" / name).replace(folder() / name)
    return folder()


def _fetch(scratch: Path) -> None:
    try:
        _run(scratch, "apt-get", "download", "-q", "prometheus")
    except ClusterError:
        _run(scratch, "apt-get", "update", "-q")  # Lists that are missing, or too old to find the package by.
        _run(scratch, "apt-get", "download", "-q", "prometheus")
    (package,) = scratch.glob("prometheus_*.deb")
    _run(scratch, "dpkg-deb", "--extract", str(package), ".")


def _run(scratch: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=scratch, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout)[-500:].strip()
        raise ClusterError(f"`{' '.join(command)}` failed: {said}. Or put prometheus and promtool into {folder()}.")


@dataclass(frozen=True)
class Server:
    """One that answers."""

    url: str
    programs: Path

    def promtool(self, *arguments: str) -> str:
        """What promtool prints. Raises ClusterError when it fails."""
        return promtool(self.programs, *arguments)


def promtool(programs: Path, *arguments: str) -> str:
    """What promtool prints. Raises ClusterError when it fails."""
    done = subprocess.run([str(programs / "promtool"), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"promtool {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


@contextmanager
def serving(programs: Path, config: Path, port: int, *flags: str) -> Iterator[Server]:
    """A server on loopback with this configuration; its data lie beside it. Raises ClusterError."""
    data, log = config.parent / "data", config.parent / "prometheus.log"
    command = [str(programs / "prometheus"), f"--config.file={config}", f"--storage.tsdb.path={data}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--web.enable-lifecycle", "--log.level=warn", *flags]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | {"GOMAXPROCS": "1"}
        )
        try:
            server = Server(f"http://127.0.0.1:{port}", programs)
            _until_ready(server, process, log)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _until_ready(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{server.url}/-/ready", timeout=1).close()  # noqa: S310 because it is ours
        except urllib.error.HTTPError as error:
            if error.code == http.HTTPStatus.BAD_REQUEST:  # It speaks TLS only.
                return
        except OSError:
            pass
        else:
            return
        time.sleep(0.05)
    raise ClusterError(f"Prometheus did not start: {log.read_text()[-1000:]}")


if __name__ == "__main__":
    try:
        print(install(progress.choose()))
    except ClusterError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
