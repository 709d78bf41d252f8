"""From apply to the first answered request: through llmfleet, and with the same pod template applied by hand.

Both kinds of run alternate, so that whatever else the machine does falls on both.
"""

import asyncio
import copy
import time
from collections.abc import Callable
from functools import partial

import aiohttp

from e2e.cluster.progress import Report
from e2e.load.request import Request
from e2e.stack import Stack, sample
from e2e.stack.fleet import POD_LABEL
from e2e.stack.kubectl import Document

from .row import Row, compared

FLEET = "startup"
BARE = "startup-bare"
LIMIT = 1.15
WAIT_SECONDS = 300.0
TRY_EVERY_SECONDS = 0.05


def run(stack: Stack, report: Report, runs: int) -> tuple[Row, ...]:
    """Alternate the two kinds and compare their medians."""
    fleet = stack.fleet(FLEET)
    remove(stack)
    by_llmfleet, by_hand = [], []
    documents: list[Document] = []
    for number in range(1, runs + 1):
        with report.step(f"run {number} of {runs}: llmfleet"):
            manifest = sample(FLEET, autoscaling=None, replicas=1)
            by_llmfleet.append(until_answered(stack, partial(fleet.apply, manifest), FLEET))
            documents = documents or by_hand_documents(stack)
            remove(stack)
        with report.step(f"run {number} of {runs}: by hand"):
            by_hand.append(until_answered(stack, partial(stack.kubectl.apply, *documents), BARE))
            remove(stack)
    return judge(by_llmfleet, by_hand)


def judge(by_llmfleet: list[float], by_hand: list[float]) -> tuple[Row, ...]:
    """The rows from the seconds of both kinds of run."""
    return compared("apply to first answer", ("llmfleet", by_llmfleet), ("by hand", by_hand), LIMIT)


def until_answered(stack: Stack, apply: Callable[[], None], service: str) -> float:
    """Seconds from before the apply until a completion through the Service is complete."""
    began = time.monotonic()
    apply()
    asyncio.run(first_answer(stack, service))
    return time.monotonic() - began


async def first_answer(stack: Stack, service: str) -> None:
    """Ask until answered. The Service of a fleet comes a moment after its object."""
    async with asyncio.timeout(WAIT_SECONDS), aiohttp.ClientSession() as session:
        while (found := await asyncio.to_thread(stack.kubectl.find, "service", service)) is None:  # noqa: ASYNC110 because it is the server that is waited for
            await asyncio.sleep(TRY_EVERY_SECONDS)
        url = f"http://{found['spec']['clusterIP']}:{found['spec']['ports'][0]['port']}"
        request = Request(url, {"model": FLEET, "prompt": "Hello", "max_tokens": 1}, timeout_seconds=30, fresh=True)
        while not (await request.send(session)).is_ok:  # noqa: ASYNC110 because it is the server that is waited for
            await asyncio.sleep(TRY_EVERY_SECONDS)


def by_hand_documents(stack: Stack) -> list[Document]:
    """The running fleet's own pod template and configuration as plain objects under another name."""
    (deployment,) = stack.kubectl.listed("deployments", f"{POD_LABEL}={FLEET}")
    template = copy.deepcopy(deployment["spec"]["template"])
    template["metadata"] = {"labels": {"app": BARE}}
    configurations = []
    for volume in template["spec"].get("volumes", ()):
        for source in config_maps_of(volume):
            data = stack.kubectl.get("configmap", source["name"])["data"]
            source["name"] = f"{BARE}-{source['name']}"
            configurations.append(plain("v1", "ConfigMap", source["name"], data=data))
    port = stack.kubectl.get("service", FLEET)["spec"]["ports"][0]
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": BARE}}, "template": template}
    ports = [{"port": port["port"], "targetPort": port["targetPort"]}]
    return [
        *configurations,
        plain("v1", "Service", BARE, spec={"selector": {"app": BARE}, "ports": ports}),
        plain("apps/v1", "Deployment", BARE, spec=spec),
    ]


def config_maps_of(volume: Document) -> list[Document]:
    """The references to ConfigMaps in a volume, projected ones included."""
    sources = [volume, *volume.get("projected", {}).get("sources", ())]
    return [source["configMap"] for source in sources if "configMap" in source]


def plain(version: str, kind: str, name: str, **rest: Document) -> Document:
    """An object that belongs to this bench."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": {"bench": BARE}}, **rest}


def remove(stack: Stack) -> None:
    """Take away both kinds and wait for their pods, so that no run shares the machine with another's end."""
    stack.fleet(FLEET).delete()
    stack.kubectl.run("delete", "deployments,services,configmaps", "--selector", f"bench={BARE}")
    stack.kubectl.run("wait", "pods", "--selector", f"app={BARE}", "--for=delete", "--timeout=120s")
