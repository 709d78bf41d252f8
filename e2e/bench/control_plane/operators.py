"""Who takes part: ours and the peers, each a process of its own under a user of its own."""

import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Protocol

from e2e.bench.port import free_port

from .ledger import Entry, adopted_at
from .process import Busy, Running
from .stage import REPOSITORY, Stage

PYTHON_PATH = os.pathsep.join(str(REPOSITORY / root) for root in ("operator", "runtime", "."))


class Contestant(Protocol):
    """An operator that the bench measures."""

    name: str

    def admit(self, stage: Stage, namespace: str) -> str:
        """Give it an account and its rights in a namespace; its user, as the audit log names it."""
        ...

    def start(self, log: Path) -> Running:
        """Start a process for the namespace admitted last."""
        ...

    def passes(self) -> int | None:
        """Reconciles so far; None where nobody counts them."""
        ...

    def adopted_after(self, process: Running, busy: Busy, writes: list[Entry], owners: list[str]) -> float | None:
        """Seconds from the start of the process until it had looked at every object; None before."""
        ...


class Ours:
    """llmfleet, with the rights of its chart."""

    name = "ours"

    def admit(self, stage: Stage, namespace: str) -> str:
        """See `Contestant`."""
        chart = str(REPOSITORY / "charts" / "llmfleet")
        parts = ("-s", "templates/rbac.yaml", "-s", "templates/serviceaccount.yaml")
        chosen = ("--namespace", namespace, "--set", f"watchNamespaces={{{namespace}}}", *parts)
        rights = stage.cluster.helm("template", "llmfleet", chart, *chosen)
        stage.cluster.kubectl("apply", "-f", "-", input=rights)
        self._namespace, self._kubeconfig = namespace, stage.kubeconfig(namespace, "llmfleet")
        return f"system:serviceaccount:{namespace}:llmfleet"

    def start(self, log: Path) -> Running:
        """See `Contestant`."""
        self._port, loopback = free_port(), free_port()
        self.address = f"http://127.0.0.1:{loopback}"
        settings = {
            "NAMESPACE": self._namespace,
            "WATCH_NAMESPACES": self._namespace,
            "IDENTITY": "bench",
            "HEALTH_PORT": str(self._port),
            "LOOPBACK_PORT": str(loopback),
        }
        environment = _environment(self._kubeconfig)
        environment |= {f"LLMFLEET_{name}": value for name, value in settings.items()}
        return Running([sys.executable, "-m", "llmfleet", "run"], environment, log)

    def adopted_after(self, process: Running, busy: Busy, writes: list[Entry], owners: list[str]) -> float | None:  # noqa: ARG002 because it writes nothing
        """It is idle, and its metrics tell of every object. They are asked only then: making them costs it time."""
        if busy.look() < 1.0 or self._page().count("\nllmfleet_desired_replicas{") < len(owners):
            return None
        return busy.until - process.started

    def passes(self) -> int | None:
        """See `Contestant`."""
        found = re.search(r"^llmfleet_reconcile_seconds_count (\S+)", self._page(), re.MULTILINE)
        return int(float(found[1])) if found else None

    def _page(self) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=30) as answer:
                text: str = answer.read().decode()
        except (urllib.error.URLError, OSError):
            return ""
        return text


class Peer:
    """A Kopf operator of this folder; it may do everything."""

    def __init__(self, name: str, module: str) -> None:
        """``module`` is run as a program."""
        self.name, self._module = name, module

    def admit(self, stage: Stage, namespace: str) -> str:
        """See `Contestant`."""
        stage.add_account(namespace, self.name)
        self._namespace, self._kubeconfig = namespace, stage.kubeconfig(namespace, self.name)
        return f"system:serviceaccount:{namespace}:{self.name}"

    def start(self, log: Path) -> Running:
        """See `Contestant`."""
        argv = [sys.executable, "-m", f"{__package__}.{self._module}", self._namespace]
        return Running(argv, _environment(self._kubeconfig), log)

    def adopted_after(self, process: Running, busy: Busy, writes: list[Entry], owners: list[str]) -> float | None:  # noqa: ARG002 because its timers never rest
        """It writes the children of each object that it resumes."""
        last = adopted_at(writes, owners)
        return None if last is None else last - process.started

    def passes(self) -> int | None:
        """See `Contestant`."""
        return None


def contestants() -> dict[str, Contestant]:
    """All of them, in the order of the table's columns."""
    found: tuple[Contestant, ...] = (Ours(), Peer("peer", "peer"), Peer("tuned", "peer_tuned"))
    return {each.name: each for each in found}


def _environment(kubeconfig: Path) -> dict[str, str]:
    return {"KUBECONFIG": str(kubeconfig), "PYTHONPATH": PYTHON_PATH, "PATH": os.environ["PATH"]}
