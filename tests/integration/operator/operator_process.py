"""The operator as a process of its own, under an identity that the audit log tells apart."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from e2e.cluster import Cluster

REPOSITORY = Path(__file__).parents[3]
T = TypeVar("T")
PATIENCE_SECONDS = 60.0
GOODBYE_SECONDS = 10.0


def eventually(read: Callable[[], T], holds: Callable[[T], Any], seconds: float = PATIENCE_SECONDS) -> T:
    """What ``read`` gives once it holds; AssertionError with the last reading when it never does."""
    end = time.monotonic() + seconds
    while True:
        found = read()
        if holds(found):
            return found
        assert time.monotonic() < end, f"not within {seconds:.0f} s; last: {found}"
        time.sleep(0.1)


def kubeconfig_of(cluster: Cluster, namespace: str, path: Path, account: str = "llmfleet") -> Path:
    """A kubeconfig like the administrator's, for an hour of a service account, the operator's if none is named."""
    url = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    token = cluster.request("POST", url, {"spec": {"expirationSeconds": 3600}})["status"]["token"]
    document = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    document["users"][0]["user"] = {"token": token}
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class OperatorProcess:
    """One replica of the operator, watching one namespace, its Lease there too."""

    kubeconfig: Path
    namespace: str
    folder: Path
    identity: str = "first"
    settings: Mapping[str, str] = field(default_factory=dict)
    """Over the usual ones, without the LLMFLEET_ that begins their names."""
    source: Path = REPOSITORY
    """Where its code lies."""

    def __post_init__(self) -> None:
        self.port, self.loopback_port = free_port(), free_port()
        settings = {
            "NAMESPACE": self.namespace,
            "WATCH_NAMESPACES": self.namespace,
            "IDENTITY": self.identity,
            "HEALTH_PORT": str(self.port),
            "LOOPBACK_PORT": str(self.loopback_port),
            "LEASE_DURATION_SECONDS": "3",
            "LOG_LEVEL": "INFO",
            "INSPECTION_TIMEOUT_SECONDS": "0",  # the pods of these nodes are played, and read nothing
            **self.settings,
        }
        path = os.pathsep.join(str(self.source / root) for root in ("operator", "runtime"))
        environment = {f"LLMFLEET_{name}": value for name, value in settings.items()}
        environment |= {"KUBECONFIG": str(self.kubeconfig), "PYTHONPATH": path, "PATH": os.environ["PATH"]}
        self.log = self.folder / f"operator-{self.identity}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "llmfleet", "run"], env=environment, stderr=log)

    def page(self, path: str) -> tuple[int, str]:
        """A page of the health server: status and text; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    @property
    def is_leading(self) -> bool:
        return "\nllmfleet_leader 1.0" in self.page("/metrics")[1]

    def kill(self) -> None:
        """SIGKILL: no goodbye, the Lease is kept."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """SIGTERM, as the kubelet sends it; the exit code. TimeoutExpired when it takes longer than it may (R27)."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(GOODBYE_SECONDS)
