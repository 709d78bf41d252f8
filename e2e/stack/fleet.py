"""A handle on one LLMDeployment: what a user does to it and sees of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from .kubectl import Document, Kubectl, KubectlError

KIND = "llmdeployments.llmfleet.io"
POD_LABEL = "llmfleet.io/deployment"


def condition(fleet: Document, kind: str) -> Document:
    """A condition of the object, with status Unknown when it is not there yet."""
    found = {entry["type"]: entry for entry in fleet.get("status", {}).get("conditions", ())}
    entry: Document = found.get(kind, {"type": kind, "status": "Unknown", "reason": "", "message": ""})
    return entry


def is_current(fleet: Document) -> bool:
    """Whether the status speaks of the spec as it is now."""
    return bool(fleet.get("status", {}).get("observedGeneration") == fleet["metadata"]["generation"])


def is_settled(fleet: Document) -> bool:
    """Ready, of the present spec, with nothing left to do."""
    wanted = {"Ready": "True", "Reconciling": "False"}
    return is_current(fleet) and all(condition(fleet, kind)["status"] == status for kind, status in wanted.items())


@dataclass(frozen=True, slots=True)
class Fleet:
    """One LLMDeployment by name."""

    kubectl: Kubectl
    name: str

    def apply(self, document: Document) -> None:
        """Apply the object as its user."""
        self.kubectl.apply(document)

    def patch(self, **spec: object) -> None:
        """Change members of the spec."""
        self.kubectl.run("patch", KIND, self.name, "--type=merge", "-p", json.dumps({"spec": spec}))

    def refusal(self, **spec: object) -> str:
        """What the server says to an edit that it refuses."""
        try:
            self.patch(**spec)
        except KubectlError as error:
            return str(error)
        raise AssertionError(f"the edit {spec} was accepted")

    def get(self) -> Document:
        """The object as it is now."""
        return self.kubectl.get(KIND, self.name)

    def until(self, wanted: Callable[[Document], bool], what: str, seconds: float = 180) -> Document:
        """Watch until ``wanted`` is true of the object."""
        return self.kubectl.until(KIND, self.name, wanted, what, seconds)

    def until_settled(self, seconds: float = 180) -> Document:
        """Watch until the fleet is what its present spec asks for."""
        return self.until(is_settled, "Ready and not Reconciling", seconds)

    def until_ready_replicas(self, count: int, seconds: float = 180) -> Document:
        """Watch until exactly so many replicas are ready and no more exist."""

        def reached(fleet: Document) -> bool:
            status = fleet.get("status", {})
            return bool(status.get("readyReplicas", 0) == status.get("replicas", 0) == count)

        return self.until(reached, f"{count} ready replicas", seconds)

    def pods(self) -> list[Document]:
        """Its serving pods, leaving ones included."""
        return self.kubectl.listed("pods", f"{POD_LABEL}={self.name},app.kubernetes.io/name=llm-server")

    def url(self) -> str:
        """Its Service's address as reached from the node: kube-proxy serves cluster addresses there too."""
        service = self.kubectl.get("service", self.name)["spec"]
        return f"http://{service['clusterIP']}:{service['ports'][0]['port']}"

    def delete(self, *, wait: bool = True, seconds: float = 180) -> None:
        """Delete the object; with ``wait`` until its pods are gone too."""
        self.kubectl.delete(KIND, self.name, wait=wait)
        if wait:
            self.kubectl.run(
                "wait", "pods", "--selector", f"{POD_LABEL}={self.name}", "--for=delete",
                f"--timeout={seconds:.0f}s", seconds=seconds + 30,
            )  # fmt: skip
