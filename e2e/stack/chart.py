"""llmfleet's chart as installed for the demo, the tests and the benches."""

import hashlib
import subprocess
from collections.abc import Mapping

from .images import ROOT
from .kubectl import Kubectl, KubectlError

CHART = ROOT / "charts" / "llmfleet"
RELEASE = "llmfleet"
NAMESPACE = "llmfleet-system"
OPERATOR_USER = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"

SHORT_WINDOWS = {"stableWindowSeconds": 20, "scaleDownHoldSeconds": 20}
"""A minute of real windows would make a demo of scaling long; the algorithm is the same."""


def install(helm: str, kubectl: Kubectl, operator: str, runtime: str, settings: Mapping[str, int | str]) -> None:
    """Install or upgrade the release and wait until the operator is available."""
    repository, _, tag = operator.rpartition(":")
    values = {
        "image.repository": repository,
        "image.tag": tag,
        "runtime.images.nvidia": runtime,
        "runtime.images.cpu": runtime,
        **{f"settings.{name}": value for name, value in settings.items()},
    }
    command = [helm, "upgrade", RELEASE, str(CHART), "--install", "--namespace", NAMESPACE, "--create-namespace"]
    command += ["--wait", "--timeout", "120s"]
    # On a cluster of our own the definition may have been applied by hand before.
    command += ["--kube-context", kubectl.context] if kubectl.context else ["--take-ownership"]
    command += chosen(values)
    done = subprocess.run(command, env=kubectl.environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise KubectlError(f"installing the chart failed: {done.stderr.strip()}\n{explain(kubectl)}")


def chosen(values: Mapping[str, int | str]) -> list[str]:
    """Helm's arguments for these values. A tag is a hash: where it is all digits, helm would take it for a number."""
    return [
        argument
        for name, value in values.items()
        for argument in ("--set-string" if isinstance(value, str) else "--set", f"{name}={value}")
    ]


def explain(kubectl: Kubectl) -> str:
    """What the operator's pods say of themselves, for the message of a failed installation."""
    inside = kubectl.inside(NAMESPACE)
    try:
        pods = inside.run("get", "pods", "-o", "wide")
        lines = inside.run("logs", f"deployment/{RELEASE}", "--tail=3").splitlines()
        return "\n".join([pods, *(line[-1000:] for line in lines)])
    except KubectlError as error:
        return str(error)


def fingerprint(operator: str, runtime: str, settings: Mapping[str, int | str]) -> str:
    """All that an installation depends on, the chart's files included."""
    digest = hashlib.sha256(repr((operator, runtime, sorted(settings.items()))).encode())
    for path in sorted(file for file in CHART.rglob("*") if file.is_file()):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_available(kubectl: Kubectl) -> bool:
    """Whether an operator runs at this moment."""
    deployment = kubectl.inside(NAMESPACE).find("deployment", RELEASE)
    return deployment is not None and deployment.get("status", {}).get("availableReplicas", 0) > 0
