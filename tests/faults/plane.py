"""A control plane of a test's own, whose parts it may kill and start again."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from e2e.cluster import Cluster, Profile, build, certificates, control_plane, layout, objects
from e2e.cluster.progress import Silent
from tests.clusters import install_crd
from tests.integration.operator.operator_process import eventually, free_port

READY_SECONDS = 60
PROFILE = Profile.CONTROL


@dataclass(frozen=True)
class OwnCluster(Cluster):
    """As any cluster, in a folder of its own."""

    folder: Path

    @property
    def run_dir(self) -> Path:
        return self.folder


class Plane:
    """The parts of profile control, with ports of their own."""

    def __init__(self, folder: Path) -> None:
        """Nothing runs yet."""
        self.cluster = OwnCluster(PROFILE, folder)
        self._ports = {usual: free_port() for usual in asdict(layout.PORTS[PROFILE]).values()}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "home").mkdir(parents=True)
        certificates.create(folder / "pki", self._here(control_plane.server(PROFILE)))
        (folder / "pki" / "admin.kubeconfig").rename(self.cluster.kubeconfig)

    def bring_up(self) -> None:
        """Start all parts and wait for the nodes that kwok plays."""
        self.start("etcd")
        self.start("kube-apiserver")
        self.await_ready()
        self.cluster.kubectl("apply", "--server-side", "-f-", input=json.dumps(objects.objects(PROFILE)))
        for each in ("kube-controller-manager", "kube-scheduler", "kwok"):
            self.start(each)
        install_crd(self.cluster)
        self.cluster.kubectl("wait", "--for=condition=Ready", "nodes", "--all", f"--timeout={READY_SECONDS}s")

    def start(self, part: str) -> None:
        """Start a part, with the data that it had."""
        folder = self.cluster.run_dir
        commands: dict[str, Callable[[], list[str]]] = {
            "etcd": lambda: control_plane.etcd(PROFILE, folder),
            "kube-apiserver": lambda: [*control_plane.apiserver(PROFILE, folder), "--endpoint-reconciler-type=none"],
            # The nodes' heartbeats cannot arrive in an outage either.
            "kube-controller-manager": lambda: [
                *control_plane.controller_manager(PROFILE, folder),
                "--node-monitor-grace-period=300s",
            ],
            "kube-scheduler": lambda: control_plane.scheduler(PROFILE, folder),
            "kwok": lambda: control_plane.kwok(folder, layout.bin_dir() / build.KWOK_STAGES),
        }
        program, *arguments = (self._here(each) for each in commands[part]())
        with (folder / f"{part}.log").open("ab") as log:
            command = [str(layout.bin_dir() / program), *arguments]
            self._running[part] = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)

    def kill(self, part: str) -> None:
        """SIGKILL, and wait until it is gone."""
        process = self._running.pop(part)
        process.kill()
        process.wait()

    def await_ready(self) -> None:
        """Wait until the API server answers as one that is ready."""
        ask = ("get", "--raw=/readyz", "--request-timeout=5s")
        eventually(lambda: self.cluster.kubectl(*ask, check=False), lambda said: said == "ok", READY_SECONDS)

    def close(self) -> None:
        """End every part, the latest first."""
        for part in list(reversed(self._running)):
            self.kill(part)

    def _here(self, argument: str) -> str:
        for usual, own in self._ports.items():
            argument = re.sub(rf"(?<=[:=]){usual}\b", str(own), argument)
        return argument


@contextmanager
def plane(folder: Path) -> Iterator[Plane]:
    """One that is up."""
    build.build(PROFILE, Silent())
    made = Plane(folder)
    try:
        made.bring_up()
        yield made
    finally:
        made.close()
