"""On the API profile: Deployments that nobody runs, and the processes that size them.

The control profile has an HPA controller of its own, which looks every fifteen seconds: two would decide.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from e2e.bench.control_plane.process import Running
from e2e.cluster import Cluster, ClusterError

from .adapter import GROUP, VERSION
from .series import LOOK_SECONDS

MARK = "llmfleet-rivals"
NAMESPACE = "default"
FOREIGN = ".keda.sh"
"""Ends the names of the CRDs that KEDA brings."""
Document = dict[str, Any]


class Scene:
    """Between ``with`` and its end; what an earlier one left is swept at both."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        """``folder`` holds kubeconfigs and logs."""
        self.cluster, self.folder = cluster, folder
        self._processes: dict[str, Running] = {}

    def __enter__(self) -> Self:
        self._sweep()
        self.cluster.kubectl("create", "serviceaccount", MARK, "--namespace", NAMESPACE)
        account = f"--serviceaccount={NAMESPACE}:{MARK}"
        self.cluster.kubectl("create", "clusterrolebinding", MARK, "--clusterrole=cluster-admin", account)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each in self._processes.values():
            each.stop()
        self._sweep()

    @property
    def pki(self) -> Path:
        """Certificates and keys of the cluster; ``apiserver``'s is good for localhost."""
        return self.cluster.run_dir / "pki"

    @property
    def kubeconfig(self) -> Path:
        """Of an account that may do everything, by its token."""
        token = self.cluster.kubectl("create", "token", MARK, "--namespace", NAMESPACE, "--duration=1h")
        document = yaml.safe_load(self.cluster.kubeconfig.read_text(encoding="utf-8"))
        document["users"][0]["user"] = {"token": token.strip()}
        path = self.folder / "kubeconfig"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    def apply(self, documents: Iterable[Document]) -> None:
        """Make these objects."""
        whole = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        self.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(whole))

    def register(self, port: int) -> None:
        """Have the API server ask for external metrics at a port of loopback. ClusterError with why it does not."""
        self.apply(registration(port))
        kubectl, what = self.cluster.kubectl, f"apiservice/{VERSION}.{GROUP}"
        try:
            kubectl("wait", what, "--for=condition=Available", "--timeout=60s")
        except ClusterError as error:
            told = kubectl("get", what, "-o", "jsonpath={.status.conditions[*].message}", check=False)
            raise ClusterError(f"{error}; the API server says: {told}; {self.told()}") from error

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """A process that is ended with the scene."""
        variables = {**self.cluster.environment, **(environment or {})}
        self._processes[name] = Running(command, variables, self.folder / f"{name}.log")

    def start_hpa(self) -> None:
        """The HPA controller alone, which looks more often than it does by default."""
        command = (
            str(self.cluster.bin / "kube-controller-manager"),
            f"--kubeconfig={self.cluster.kubeconfig}",
            "--controllers=horizontal-pod-autoscaler-controller",
            f"--horizontal-pod-autoscaler-sync-period={LOOK_SECONDS}s",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )
        self.start("kube-controller-manager", command)

    def check(self) -> None:
        """ClusterError when a process has ended by itself."""
        for name, each in self._processes.items():
            if not each.is_alive:
                raise ClusterError(f"{name} has ended: {self._last_words(each)}")

    def told(self) -> str:
        """The processes' last words."""
        return "\n".join(f"{name}: {self._last_words(each)}" for name, each in self._processes.items())

    def _last_words(self, process: Running) -> str:
        return process.log.read_text(encoding="utf-8", errors="replace")[-1500:]

    def _sweep(self) -> None:
        """Nobody is left to take off the finalizers of KEDA's objects, nor to collect what they own."""
        kubectl = self.cluster.kubectl
        kubectl("delete", "apiservice", f"{VERSION}.{GROUP}", "--ignore-not-found")  # else each call waits for it
        foreign = [each for each in kubectl("get", "crds", "-o", "name").split() if each.endswith(FOREIGN)]
        if any(each.endswith(f"/scaledobjects{FOREIGN}") for each in foreign):
            for name in kubectl("get", "scaledobjects", "--namespace", NAMESPACE, "-o", "name").split():
                free = '{"metadata":{"finalizers":null}}'
                kubectl("patch", name, "--namespace", NAMESPACE, "--type=merge", "-p", free)
        kinds = "horizontalpodautoscalers,deployments,services,serviceaccounts"
        kubectl("delete", kinds, "-l", f"bench={MARK}", "--namespace", NAMESPACE)
        kubectl("delete", "serviceaccount", MARK, "--namespace", NAMESPACE, "--ignore-not-found")
        kubectl("delete", "clusterroles,clusterrolebindings", "-l", f"bench={MARK}")
        kubectl("delete", "clusterrolebinding", MARK, "--ignore-not-found")
        if foreign:
            kubectl("delete", *foreign)


def registration(port: int) -> tuple[Document, ...]:
    """The way from the API server to what answers on loopback."""
    where = {"name": MARK, "namespace": NAMESPACE}
    return (
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {**where, "labels": {"bench": MARK}},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": f"{VERSION}.{GROUP}"},
            "spec": {
                "group": GROUP, "version": VERSION, "groupPriorityMinimum": 100, "versionPriority": 100,
                "insecureSkipTLSVerify": True, "service": {**where, "port": port},
            },
        },
    )  # fmt: skip
