"""Starts the components of one profile, in order, each once what it needs answers."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

from e2e.cluster import (
    build,
    certificates,
    containers,
    control_plane,
    footprint,
    gpus,
    layout,
    network,
    node,
    objects,
    processes,
)
from e2e.cluster.cluster import Cluster
from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import Profile
from e2e.cluster.progress import Report
from e2e.cluster.sweep import footprint_path

_YOUNG_SECONDS = 2.0


class Bootstrap:
    """One start of one profile."""

    def __init__(self, profile: Profile, binds: tuple[Path, ...], report: Report) -> None:
        """Prepare to start `profile`; `binds` are shown to its containers."""
        self._profile = profile
        self._binds = binds
        self._report = report
        self._folder = layout.run_dir(profile)
        self._cluster = Cluster(profile)

    @staticmethod
    def components(profile: Profile) -> frozenset[str]:
        """Names of the processes that `profile` consists of."""
        more = {
            Profile.API: (),
            Profile.CONTROL: ("kube-controller-manager", "kube-scheduler", "kwok"),
            Profile.FULL: (
                "kube-controller-manager",
                "kube-scheduler",
                "containerd",
                "kubelet",
                "kube-proxy",
                "coredns",
            ),
        }
        return frozenset({"etcd", "kube-apiserver", *more[profile]})

    def run(self) -> Cluster:
        """Start everything and wait until it works. Raises ClusterError with the log of what did not."""
        with self._report.step("start the API server", then=self._after_apiserver()):
            self._prepare()
            self._start_etcd()
            self._start_apiserver()
            self._await_apiserver()
        if self._profile is not Profile.API:
            self._start_controllers()
        if self._profile is Profile.CONTROL:
            with self._report.step(f"start {objects.KWOK_NODES} simulated nodes"):
                self._start_kwok()
        if self._profile is Profile.FULL:
            with self._report.step("start containerd, kubelet, kube-proxy and CoreDNS", then="wait for the node"):
                self._start_node()
            with self._report.step("wait for the node and cluster DNS"):
                self._finish_node()
        return self._cluster

    def restart_containerd(self) -> None:
        """End containerd and start it anew with its settings of now; containers run on meanwhile."""
        processes.kill(self._folder, lambda process: process.component == "containerd" and process.is_daemon)
        containers.socket(self._folder).unlink(missing_ok=True)
        self._start_containerd()

    def start_again(self, component: str) -> None:
        """Start etcd or the API server anew on the data that it left, and wait until the API server answers."""
        {"etcd": self._start_etcd, "kube-apiserver": self._start_apiserver}[component]()
        self._await_apiserver()

    def _after_apiserver(self) -> str:
        following = {Profile.API: "done", Profile.CONTROL: "simulated nodes", Profile.FULL: "the node"}
        return following[self._profile]

    def _prepare(self) -> None:
        for name in ("logs", "tmp", "home"):
            (self._folder / name).mkdir(parents=True)
        if self._profile is Profile.FULL:
            footprint.record(footprint_path())
            network.create_bridge()
        certificates.create(self._folder / "pki", control_plane.server(self._profile))
        (self._folder / "pki" / "admin.kubeconfig").rename(self._cluster.kubeconfig)

    def _start_etcd(self) -> None:
        self._start("etcd", control_plane.etcd(self._profile, self._folder))
        self._await("etcd", self._etcd_answers, seconds=30)

    def _start_apiserver(self) -> None:
        self._start("kube-apiserver", control_plane.apiserver(self._profile, self._folder))

    def _await_apiserver(self) -> None:
        self._await("kube-apiserver", lambda: self._kubectl("get", "--raw=/readyz") == "ok", seconds=90)

    def _etcd_answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", layout.PORTS[self._profile].etcd)) == 0

    def _start_controllers(self) -> None:
        self._start("kube-controller-manager", control_plane.controller_manager(self._profile, self._folder))
        self._start("kube-scheduler", control_plane.scheduler(self._profile, self._folder))
        manifest = json.dumps(objects.objects(self._profile))
        self._cluster.kubectl("apply", "--server-side", "-f-", input=manifest)

    def _start_kwok(self) -> None:
        self._start("kwok", control_plane.kwok(self._folder, layout.bin_dir() / build.KWOK_STAGES))
        self._await("kwok", lambda: self._ready_nodes() == objects.KWOK_NODES, seconds=60)
        self._await_default_account()

    def _start_node(self) -> None:
        containers.configure(self._folder, self._binds)
        self._start_containerd()
        containers.import_pause_image(self._folder)
        self._start("kubelet", node.kubelet(self._folder))
        self._start("kube-proxy", node.kube_proxy(self._folder))
        self._start("coredns", node.coredns(self._folder))

    def _start_containerd(self) -> None:
        self._start("containerd", containers.argv(self._folder))
        self._await("containerd", lambda: containers.answers(self._folder), seconds=30)

    def _finish_node(self) -> None:
        self._await("kubelet", lambda: self._ready_nodes() == 1, seconds=90)
        patch = json.dumps(gpus.capacity_patch())
        self._cluster.kubectl("patch", "node", layout.NODE, "--subresource=status", "--type=merge", "-p", patch)
        self._await("coredns", self._dns_answers, seconds=30)
        self._await_default_account()

    def _await_default_account(self) -> None:
        """Pods are refused until the controllers have made this."""
        name = "serviceaccount/default"
        self._await("kube-controller-manager", lambda: name in self._kubectl("get", name, "-oname"), seconds=60)

    def _ready_nodes(self) -> int:
        path = '-ojsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}'
        return self._kubectl("get", "nodes", path).split().count("True")

    def _dns_answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((layout.DNS_SERVICE_ADDRESS, 53)) == 0

    def _kubectl(self, *arguments: str) -> str:
        return self._cluster.kubectl(*arguments, check=False, timeout=20)

    def _start(self, component: str, argv: list[str]) -> None:
        temporary = str(self._folder / "tmp")
        path = f"{layout.bin_dir()}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        environment = {"PATH": path, "HOME": str(self._folder / "home"), "TMPDIR": temporary}
        command = [str(layout.bin_dir() / argv[0]), *argv[1:]]
        processes.start(self._folder, component, command, environment)

    def _await(self, component: str, done: Callable[[], bool], *, seconds: float) -> None:
        began = time.monotonic()
        while not done():
            # A process that has only just been started may not be its program yet, and is not gone for that.
            young = time.monotonic() - began < _YOUNG_SECONDS
            alive = any(p.component == component and p.is_daemon for p in processes.running(self._folder))
            if not (alive or young) or time.monotonic() - began > seconds:
                reason = f"was not ready after {seconds:.0f} s" if alive else "ended"
                log = self._folder / "logs" / f"{component}.log"
                last = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
                raise ClusterError(f"{component} {reason}. The end of {log}:\n{last}")
            time.sleep(0.1)
