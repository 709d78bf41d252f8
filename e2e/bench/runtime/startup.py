"""From apply to Ready: a pod of ours, and the same pod with the bare engine in the launcher's place.

The bare one has the engine arguments that the launcher chose, without what is only ours, and is ready by its
``/health``; ours is ready once a token was made. Both kinds alternate.
"""

import copy
import shlex
import time

from e2e.bench.row import Row, compared
from e2e.bench.startup import config_maps_of, plain
from e2e.cluster.progress import Report
from e2e.stack import Stack, sample
from e2e.stack.fleet import POD_LABEL
from e2e.stack.kubectl import Document
from llmfleet_runtime.engines.vllm import FORKED, GUARD, MODULE

FLEET = "launcher"
LIMIT = 1.05
POD = "startup-pod"
READY_SECONDS = 300.0
PROBE = {"periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 600}


def run(stack: Stack, report: Report, runs: int) -> tuple[Row, ...]:
    """Alternate the two kinds of pod and compare their medians."""
    with report.step("a fleet of one shows its pod"):
        ours, bare = kinds(stack)
    by_launcher, by_engine = [], []
    try:
        for number in range(1, runs + 1):
            with report.step(f"run {number} of {runs}: launcher"):
                by_launcher.append(until_ready(stack, ours))
            with report.step(f"run {number} of {runs}: bare engine"):
                by_engine.append(until_ready(stack, bare))
    finally:
        stack.kubectl.run("delete", "pods,configmaps", "--selector", f"bench={FLEET}", "--wait=true")
    return judge(by_launcher, by_engine)


def judge(by_launcher: list[float], by_engine: list[float]) -> tuple[Row, ...]:
    """The rows from the seconds of both kinds of pod."""
    return compared("apply to Ready", ("launcher", by_launcher), ("bare engine", by_engine), LIMIT)


def kinds(stack: Stack) -> tuple[Document, Document]:
    """Both pods, made from a running fleet's own; the fleet is gone afterwards, its configuration is copied."""
    fleet = stack.fleet(FLEET)
    fleet.apply(sample(FLEET, autoscaling=None, replicas=1))
    fleet.until_ready_replicas(1)
    (deployment,) = stack.kubectl.listed("deployments", f"{POD_LABEL}={FLEET}")
    spec = copy.deepcopy(deployment["spec"]["template"]["spec"])
    for source in (each for volume in spec["volumes"] for each in config_maps_of(volume)):
        data = stack.kubectl.get("configmap", source["name"])["data"]
        source["name"] = f"{POD}-{source['name']}"
        stack.kubectl.apply(labelled(plain("v1", "ConfigMap", source["name"], data=data)))
    log = stack.kubectl.run("logs", fleet.pods()[0]["metadata"]["name"])
    fleet.delete()
    pod = labelled(plain("v1", "Pod", POD, spec=patient(spec)))
    return pod, with_bare_engine(pod, arguments(log))


def labelled(document: Document) -> Document:
    """As a thing of this bench."""
    document["metadata"]["labels"] = {"bench": FLEET}
    return document


def patient(spec: Document) -> Document:
    """The pod's spec with probes that see readiness within a second, and an end that nobody waits for."""
    spec |= {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    (container,) = spec["containers"]
    for probe in ("startupProbe", "readinessProbe"):
        container[probe] |= PROBE
    return spec


def arguments(log: str) -> list[str]:
    """The engine's arguments out of the launcher's own line, less those that load code of ours."""
    line = next(each for each in log.splitlines() if f" -m {FORKED} {MODULE} " in each or f" -m {MODULE} " in each)
    words = shlex.split(line.partition(f" {MODULE} ")[2])
    return [word for word in words if word != f"--middleware={GUARD}"]


def with_bare_engine(pod: Document, words: list[str]) -> Document:
    """The same pod that runs the engine and nothing else."""
    bare = copy.deepcopy(pod)
    (container,) = bare["spec"]["containers"]
    container["command"] = ["python3", "-m", MODULE, *words]
    for probe in ("startupProbe", "readinessProbe"):
        container[probe]["httpGet"] = {"path": "/health", "port": "http"}
    del container["livenessProbe"]
    return bare


def until_ready(stack: Stack, pod: Document) -> float:
    """Seconds from before the apply until the pod is Ready; it is gone afterwards."""
    began = time.monotonic()
    stack.kubectl.apply(pod)
    stack.kubectl.until("pod", POD, is_ready, "Ready", READY_SECONDS)
    took = time.monotonic() - began
    stack.kubectl.delete("pod", POD, wait=True)
    return took


def is_ready(pod: Document) -> bool:
    """Whether its Ready condition holds; one that has failed never will."""
    status = pod.get("status", {})
    if status.get("phase") == "Failed":
        raise RuntimeError(f"the pod ended: {status.get('containerStatuses')}")
    return any((each["type"], each["status"]) == ("Ready", "True") for each in status.get("conditions", ()))
