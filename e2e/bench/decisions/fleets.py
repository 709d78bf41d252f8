"""A thousand fleets in the operator's cache, decided for by its own loops; only the API server is missing."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from e2e.bench.control_plane.documents import changing_children, object_name
from llmfleet import names
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core.plan import Ref
from llmfleet.core.revision import revision_of
from llmfleet.core.world import Raw
from llmfleet.settings import Settings
from llmfleet.shell.autoscale import Autoscaler
from llmfleet.shell.cache import Cache
from llmfleet.shell.clock import SystemClock
from llmfleet.shell.pods import RuntimeClient
from llmfleet.shell.ports import Key
from llmfleet.shell.queue import WorkQueue
from llmfleet.shell.run import FLEETS_AT_ONCE
from llmfleet.shell.telemetry import Events, Metrics

NAMESPACE = "fleets"
PODS = 4
TICK_SECONDS = 5.0
TARGETS = {"timeToFirstToken": {"milliseconds": 2000}, "timePerOutputToken": {"milliseconds": 100}}


class Server:
    """Takes every write, as the API server would."""

    def __init__(self, cache: Cache) -> None:
        """Answers with what the cache holds and what is written."""
        self._cache = cache

    async def apply_status(self, key: Key, resource_version: str, status: Mapping[str, Any], manager: str) -> Raw:  # noqa: ARG002 because the port says so
        """The object with a new version."""
        raw = self._cache.owner(key)
        if raw is None:
            raise RuntimeError(f"{key} is gone")
        version = str(int(raw["metadata"]["resourceVersion"]) + 1)
        return {**raw, "metadata": {**raw["metadata"], "resourceVersion": version}, "status": status}

    async def post_event(self, about: Raw, kind: str, reason: str, message: str) -> None:
        """Nobody reads it."""

    async def apply(self, namespace: str, manifest: Mapping[str, Any], resource_version: str) -> Raw:
        """Deciding makes no children."""
        raise NotImplementedError

    async def lives(self, owner: Raw) -> bool:
        """Which is asked before one is made."""
        raise NotImplementedError

    async def annotate(self, namespace: str, ref: Ref, uid: str, annotations: Mapping[str, str]) -> None:
        """Nor does it touch any."""
        raise NotImplementedError

    async def delete(self, namespace: str, ref: Ref, uid: str) -> None:
        """Nor delete one."""
        raise NotImplementedError


@dataclass
class Looks:
    """When each fleet was looked at, and what that cost."""

    times: dict[Key, list[float]] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    cpu: float = field(default_factory=time.process_time)

    def gaps(self, keys: Collection[Key]) -> list[float]:
        """Seconds between two looks at a fleet, ascending."""
        return sorted(later - sooner for key in keys for sooner, later in pairwise(self.times.get(key, ())))

    @property
    def share(self) -> float:
        """Of one core."""
        return (time.process_time() - self.cpu) / (time.monotonic() - self.began)

    @property
    def count(self) -> int:
        """All looks."""
        return sum(map(len, self.times.values()))


class Fleets:
    """The autoscaler over fleets in its cache."""

    def __init__(self, addresses: Sequence[tuple[str, ...]], port: int) -> None:
        """A fleet for each tuple of its pods' addresses. Call inside a running loop."""
        self.cache, self.pods, self.looks = Cache(), RuntimeClient(port), Looks()
        clock, server, settings = SystemClock(), Server(self.cache), Settings(autoscale_tick_seconds=TICK_SECONDS)
        events = Events(server, clock.rfc3339)
        self.autoscaler = Autoscaler(self.cache, server, self.pods, clock, settings, Metrics(), events)
        self._queue = WorkQueue(self._look, FLEETS_AT_ONCE)
        self.keys = [self._add(number, each) for number, each in enumerate(addresses)]

    def _add(self, number: int, addresses: tuple[str, ...]) -> Key:
        raw = deployment(number)
        pods = [pod(raw, place, address) for place, address in enumerate(addresses)]
        for each in (raw, *children(raw), *pods):
            self.cache.put(each)
        return Key(NAMESPACE, object_name(number))

    async def _look(self, key: Key) -> float | None:
        self.looks.times.setdefault(key, []).append(time.monotonic())
        return await self.autoscaler.tick(key)

    async def run(self, warm_seconds: float, seconds: float) -> Looks:
        """Look at all of them; what was seen after the first seconds."""
        for key in self.keys:
            self._queue.wake(key)
        await asyncio.sleep(warm_seconds)
        self.looks = Looks()
        await asyncio.sleep(seconds)
        return self.looks

    async def close(self) -> None:
        """End all looks."""
        await self._queue.close()
        await self.pods.close()


def deployment(number: int) -> dict[str, Any]:
    """A fleet of four that is sized by latency."""
    metadata = {"name": object_name(number), "namespace": NAMESPACE, "uid": f"uid-{number}", "generation": 1}
    spec = {
        "model": {"uri": "file:///models/tiny"},
        "autoscaling": {"minReplicas": PODS, "maxReplicas": 2 * PODS, "targets": TARGETS},
    }
    status = {"desiredReplicas": PODS}
    raw = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": metadata, "spec": spec, "status": status}
    return {**raw, "metadata": metadata | {"resourceVersion": "1"}}


def children(raw: dict[str, Any]) -> list[dict[str, Any]]:
    """Its Deployment and budget and service as the server gives them."""
    uid = raw["metadata"]["uid"]
    return [
        {**each, "metadata": each["metadata"] | {"uid": f"{uid}-{each['kind']}", "resourceVersion": "1"}}
        for each in changing_children(raw)
    ]


def pod(raw: dict[str, Any], number: int, address: str) -> dict[str, Any]:
    """A ready one."""
    metadata, revision = raw["metadata"], revision_of(LLMDeployment.parse(raw))
    uid = f"{metadata['uid']}-{number}"
    container = {"name": names.ENGINE_CONTAINER, "ready": True, "started": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{metadata['name']}-{revision}-{number}",
            "namespace": NAMESPACE,
            "uid": uid,
            "resourceVersion": "1",
            "labels": names.pod_labels(metadata["name"], metadata["uid"], revision),
        },
        "spec": {"nodeName": "node"},
        "status": {
            "podIP": address,
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [container],
        },
    }
