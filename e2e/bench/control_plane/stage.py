"""Where the bench plays: nodes with room for its pods, namespaces with their accounts; nothing of it stays."""

import json
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from e2e.cluster import Cluster, gpus
from e2e.cluster.progress import Report
from llmfleet import names

from .documents import NODE_MARK, Document

REPOSITORY = Path(__file__).parents[3]
PODS_PER_NODE = 100
"""More than a real node has, so that the nodes' own heartbeats do not take part."""
SELECTOR = f"{NODE_MARK}=true"
BENCH_ACCOUNT = "bench"
GONE_SECONDS = 1800


class Stage:
    """Between ``with`` and its end; an earlier one that was killed is swept at the start."""

    def __init__(self, cluster: Cluster, report: Report, folder: Path) -> None:
        """``folder`` holds kubeconfigs and logs."""
        self.cluster, self.folder = cluster, folder
        self._report = report

    def __enter__(self) -> Self:
        self._sweep()
        crd = REPOSITORY / "crds" / f"{names.PLURAL}.yaml"
        self.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(crd))
        self.cluster.kubectl("wait", "--for=condition=Established", f"crd/{names.PLURAL}.{names.GROUP}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._sweep()

    def make_room(self, pods: int) -> None:
        """Add nodes that take so many pods with one GPU each, and no others."""
        count = -(-pods // PODS_PER_NODE)
        with self._report.step(f"{count} nodes for {pods} pods"):
            items = [node(f"{NODE_MARK}-{number}") for number in range(count)]
            self._apply(*items)
            self.cluster.kubectl("wait", "nodes", "-l", SELECTOR, "--for=condition=Ready", "--timeout=110s")

    def namespace(self, kind: str) -> str:
        """A fresh namespace with an account for the bench itself, which may do everything."""
        name = f"bench-{kind}-{uuid.uuid4().hex[:6]}"
        metadata = {"name": name, "labels": {NODE_MARK: "true"}}
        self._apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        self.add_account(name, BENCH_ACCOUNT)
        return name

    def add_account(self, namespace: str, account: str) -> None:
        """A service account that may do everything."""
        self.cluster.kubectl("--namespace", namespace, "create", "serviceaccount", account)
        rbac = "rbac.authorization.k8s.io"
        binding = {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"{namespace}-{account}", "labels": {NODE_MARK: "true"}},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        }
        self._apply(binding)

    def kubeconfig(self, namespace: str, account: str) -> Path:
        """A kubeconfig for the bearer of an account's token."""
        token = self.cluster.kubectl("--namespace", namespace, "create", "token", account, "--duration=6h")
        document = yaml.safe_load(self.cluster.kubeconfig.read_text(encoding="utf-8"))
        document["users"][0]["user"] = {"token": token.strip()}
        path = self.folder / f"kubeconfig-{namespace}-{account}"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    def clear(self, namespace: str) -> None:
        """Delete a namespace and wait until nothing of it is left to share the machine with what comes next."""
        with self._report.step(f"delete {namespace}"):
            self._release(namespace)
            self.cluster.kubectl(
                "delete", "namespace", namespace, "--ignore-not-found", f"--timeout={GONE_SECONDS}s", timeout=None
            )

    def _release(self, namespace: str) -> None:
        """Take off the finalizers that Kopf put on our objects and that nobody takes off once it has stopped."""
        listed = json.loads(self.cluster.kubectl("--namespace", namespace, "get", names.PLURAL, "-o", "json"))["items"]
        held = [each["metadata"]["name"] for each in listed if each["metadata"].get("finalizers")]
        for begin in range(0, len(held), 100):
            free = '{"metadata":{"finalizers":null}}'
            chosen = held[begin : begin + 100]
            self.cluster.kubectl(
                "--namespace", namespace, "patch", names.PLURAL, *chosen, "--type=merge", "-p", free, timeout=300
            )

    def _sweep(self) -> None:
        """Delete everything that carries the bench's mark."""
        for name in self.cluster.kubectl("get", "namespaces", "-l", SELECTOR, "-o", "name").split():
            self.clear(name.removeprefix("namespace/"))
        self.cluster.kubectl("delete", "nodes,clusterrolebindings", "-l", SELECTOR, "--ignore-not-found")

    def _apply(self, *documents: Document) -> None:
        whole = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        self.cluster.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(whole))


def node(name: str) -> Document:
    """A played node with many GPUs, for the pods of the bench alone."""
    made = gpus.kwok_node(name)
    made["metadata"]["labels"][NODE_MARK] = "true"
    made["spec"] = {"taints": [{"key": NODE_MARK, "value": "true", "effect": "NoSchedule"}]}
    room = {"pods": str(PODS_PER_NODE), gpus.RESOURCE: str(PODS_PER_NODE), "cpu": "1k", "memory": "100Ti"}
    for kind in ("capacity", "allocatable"):
        made["status"][kind] = {**made["status"][kind], **room}
    return made
