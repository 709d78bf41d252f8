"""What the demo, the tests and the benches stand on: a cluster in which llmfleet runs."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from e2e.cluster import Cluster

from . import chart
from .audit import AuditLog
from .fleet import Fleet
from .kubectl import Document, Kubectl


@dataclass(frozen=True, slots=True)
class Stack:
    """A cluster with the operator installed."""

    kubectl: Kubectl
    cluster: Cluster | None = None
    """None on a cluster that the user brought."""

    def fleet(self, name: str) -> Fleet:
        """A handle on the object of that name, which need not exist yet."""
        return Fleet(self.kubectl, name)

    @property
    def audit(self) -> AuditLog:
        """The API server's log of requests; only our own cluster has one."""
        if self.cluster is None:
            raise ValueError("the audit log of a cluster that is not ours cannot be read")
        return AuditLog(self.cluster.audit_log)

    @contextmanager
    def reach(self, fleet: Fleet) -> Iterator[str]:
        """The address, up to ``/v1``, under which the fleet's Service answers from here."""
        if self.cluster is not None:
            yield fleet.url()
            return
        with subprocess.Popen(self.kubectl.command("proxy", "--port=0"), stdout=subprocess.PIPE, text=True) as proxy:
            try:
                # It prints one line: "Starting to serve on 127.0.0.1:PORT".
                address = (proxy.stdout.readline() if proxy.stdout else "").rsplit(" ", 1)[-1].strip()
                port = self.kubectl.get("service", fleet.name)["spec"]["ports"][0]["port"]
                path = f"api/v1/namespaces/{self.kubectl.namespace}/services/{fleet.name}:{port}/proxy"
                yield f"http://{address}/{path}"
            finally:
                proxy.terminate()

    def operator_pods(self) -> list[Document]:
        """The operator's pods; there is at least one, or the stack is broken."""
        selector = f"app.kubernetes.io/instance={chart.RELEASE}"
        found = self.kubectl.inside(chart.NAMESPACE).listed("pods", selector)
        if not found:
            raise LookupError(f"no pod in {chart.NAMESPACE} carries {selector}")
        return found
