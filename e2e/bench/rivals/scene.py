"""On the API profile: Deployments that nobody runs, their HPAs, and the HPA controller alone."""

import json
import subprocess
import tempfile
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import yaml

from e2e.bench.autoscaling.rivals import MOST
from e2e.cluster import Cluster, ClusterError

from .adapter import GROUP, VERSION
from .series import TARGET

MARK = "llmfleet-rivals"
DOWN_SECONDS = 300


class Scene:
    """Between ``with`` and its end; what an earlier one left is swept at both."""

    namespace = "default"

    def __init__(self, cluster: Cluster, names: Collection[str], look_seconds: float, time_scale: float) -> None:
        """An HPA for each name; the controller looks every so many seconds, all else is faster by ``time_scale``."""
        self._cluster, self._look_seconds = cluster, look_seconds
        self._loads = [f"{name}-load" for name in names]
        self._window = round(DOWN_SECONDS / time_scale)
        self._folder = tempfile.TemporaryDirectory()
        self._controller: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 because it lives as long as the controller

    def __enter__(self) -> Self:
        self._sweep()
        self._cluster.kubectl("create", "serviceaccount", MARK, "--namespace", self.namespace)
        account = f"--serviceaccount={self.namespace}:{MARK}"
        self._cluster.kubectl("create", "clusterrolebinding", MARK, "--clusterrole=cluster-admin", account)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._controller:
            self._controller.terminate()
            self._controller.wait(10)
        self._output.close()
        self._sweep()
        self._folder.cleanup()

    @property
    def certificate(self) -> tuple[str, str]:
        """Files of a certificate that is good for localhost, and of its key."""
        pki = self._cluster.run_dir / "pki"
        return str(pki / "apiserver.crt"), str(pki / "apiserver.key")

    @property
    def kubeconfig(self) -> Path:
        """Of an account that may do everything, by its token."""
        token = self._cluster.kubectl("create", "token", MARK, "--namespace", self.namespace, "--duration=1h")
        document = yaml.safe_load(self._cluster.kubeconfig.read_text(encoding="utf-8"))
        document["users"][0]["user"] = {"token": token.strip()}
        path = Path(self._folder.name) / "kubeconfig"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    def begin(self, port: int) -> None:
        """Have the server ask the adapter there, make Deployments and HPAs, and start the controller."""
        items = [*adapter(port), *(each for name in self._loads for each in autoscaled(name, self._window))]
        whole = {"apiVersion": "v1", "kind": "List", "items": items}
        self._cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(whole))
        self._cluster.kubectl("wait", f"apiservice/{VERSION}.{GROUP}", "--for=condition=Available", "--timeout=60s")
        command = (
            str(self._cluster.bin / "kube-controller-manager"),
            f"--kubeconfig={self._cluster.kubeconfig}",
            "--controllers=horizontal-pod-autoscaler-controller",
            f"--horizontal-pod-autoscaler-sync-period={self._look_seconds}s",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )
        self._controller = subprocess.Popen(command, stdout=self._output, stderr=subprocess.STDOUT)

    def check(self) -> None:
        """ClusterError when the controller has ended."""
        if self._controller and self._controller.poll() is not None:
            raise ClusterError(f"the HPA controller ended: {self.log()}")

    def log(self) -> str:
        """The controller's last words."""
        self._output.seek(0)
        return self._output.read()[-2000:].decode(errors="replace")

    def _sweep(self) -> None:
        kinds = "horizontalpodautoscalers,deployments,services,serviceaccounts"
        self._cluster.kubectl("delete", kinds, "-l", f"bench={MARK}", "--namespace", self.namespace)
        self._cluster.kubectl("delete", "serviceaccount", MARK, "--namespace", self.namespace, "--ignore-not-found")
        self._cluster.kubectl("delete", "clusterrolebinding", MARK, "--ignore-not-found")
        self._cluster.kubectl("delete", "apiservice", f"{VERSION}.{GROUP}", "--ignore-not-found")


def adapter(port: int) -> tuple[dict[str, Any], ...]:
    """The way from the API server to the adapter on loopback."""
    where = {"name": MARK, "namespace": Scene.namespace}
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


def autoscaled(name: str, window_seconds: int) -> tuple[dict[str, Any], ...]:
    """A Deployment and its HPA by requests in flight, with the defaults but for shorter times."""
    metadata = {"name": name, "namespace": Scene.namespace, "labels": {"bench": MARK}}
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "none", "image": "none"}]}}
    up = {"stabilizationWindowSeconds": 0, "policies": [
        {"type": "Percent", "value": 100, "periodSeconds": 1}, {"type": "Pods", "value": 4, "periodSeconds": 1},
    ]}  # fmt: skip
    down = {
        "stabilizationWindowSeconds": window_seconds,
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}],
    }
    metric = {"metric": {"name": name}, "target": {"type": "AverageValue", "averageValue": f"{TARGET:g}"}}
    return (
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata,
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "minReplicas": 1, "maxReplicas": MOST, "metrics": [{"type": "External", "external": metric}],
                "behavior": {"scaleUp": up, "scaleDown": down},
            },
        },
    )  # fmt: skip
