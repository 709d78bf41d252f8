"""In-memory versions of the shell's ports."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmfleet.core.capacity import Capacity
from llmfleet.core.plan import Annotate, Apply, Delete, Ref
from llmfleet.core.pods import PodView
from llmfleet.core.scaling.sample import Sample
from llmfleet.core.world import Raw, Report
from llmfleet.settings import Settings
from llmfleet.shell.autoscale import Autoscaler
from llmfleet.shell.cache import Cache
from llmfleet.shell.errors import Conflict, FleetError
from llmfleet.shell.kinds import WATCHED, Kind
from llmfleet.shell.listing import Listing
from llmfleet.shell.ports import Key
from llmfleet.shell.reconcile import Reconciler
from llmfleet.shell.telemetry import Events, Metrics
from llmfleet.shell.turns import Turns
from tests.builders import DEFAULTS, NOW
from tests.simulator import Simulator


@dataclass
class FakeClock:
    """A clock that moves when told to."""

    now: float = 1000.0
    wall: str = NOW

    def monotonic(self) -> float:
        return self.now

    def rfc3339(self) -> str:
        return self.wall


@dataclass
class FakeCluster:
    """Writes into a simulator, and remembers them as ``verb ref``."""

    world: Simulator
    refusals: dict[str, FleetError] = field(default_factory=dict)
    """What is raised instead, by ``verb ref`` or kind of write."""
    writes: list[str] = field(default_factory=list)
    statuses: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    events: list[tuple[str, str, str]] = field(default_factory=list)

    def _note(self, verb: str, what: object) -> None:
        error = self.refusals.get(f"{verb} {what}") or self.refusals.get(verb)
        if error:
            raise error
        self.writes.append(f"{verb} {what}")

    async def apply(self, namespace: str, manifest: Mapping[str, Any], resource_version: str) -> Raw:
        ref = Ref(manifest["kind"], manifest["metadata"]["name"])
        self._note("apply", ref)
        self.world.act([Apply(ref, manifest, resource_version, "")])
        return copy.deepcopy(self.world.objects[ref])

    async def lives(self, owner: Raw) -> bool:
        found = self.world.raw["metadata"]
        return found["uid"] == owner["metadata"]["uid"] and "deletionTimestamp" not in found

    async def annotate(self, namespace: str, ref: Ref, uid: str, annotations: Mapping[str, str]) -> None:
        self._note("annotate", ref)
        self.world.act([Annotate(ref, uid, annotations, "")])

    async def delete(self, namespace: str, ref: Ref, uid: str) -> None:
        self._note("delete", ref)
        self.world.act([Delete(ref, uid, "")])

    async def apply_status(self, key: Key, resource_version: str, status: Mapping[str, Any], manager: str) -> Raw:
        self._note("status", manager)
        self.statuses.append((manager, status))
        is_autoscaler = manager == "llmfleet-autoscaler"
        kept = None if is_autoscaler else self._status().get("autoscaling")
        old = self._status() if is_autoscaler else {}
        rest = {name: each for name, each in old.items() if name != "autoscaling"}
        self.world.raw = {**self.world.raw, "status": rest | ({"autoscaling": kept} if kept else {}) | dict(status)}
        self.world._touch(self.world.raw)
        return copy.deepcopy(self.world.raw)

    async def post_event(self, about: Raw, kind: str, reason: str, message: str) -> None:
        self._note("event", reason)
        self.events.append((kind, reason, message))

    def _status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.world.raw.get("status", {})
        return found


@dataclass
class FakePods:
    """Pods that say what the simulator knows, or what they are told to say."""

    world: Simulator
    load: Sample | None = field(default_factory=lambda: Sample(running=0.0, waiting=0.0))

    async def reports(self, pods: Sequence[PodView]) -> Mapping[str, Report]:
        known = self.world.observe().reports
        return {pod.uid: known.get(pod.uid, Report()) for pod in pods}

    async def samples(self, pods: Sequence[PodView]) -> tuple[Sample, ...]:
        return tuple(self.load or Sample() for _ in pods)


@dataclass
class FakeRoom:
    """``ports.Room`` over the simulator."""

    world: Simulator

    async def read(self) -> Capacity | None:
        return self.world.observe().capacity


class FakeOperator:
    """The two loops over one simulated object, without queue and watch."""

    def __init__(self, world: Simulator, settings: Settings | None = None) -> None:
        self.world, self.key = world, Key("team-a", "qwen")
        self.cache, self.cluster, self.pods, self.clock = Cache(), FakeCluster(world), FakePods(world), FakeClock()
        events = Events(self.cluster, self.clock.rfc3339)
        parts: dict[str, Any] = {"cache": self.cache, "cluster": self.cluster, "pods": self.pods, "clock": self.clock}
        settings = settings or Settings()
        parts |= {"metrics": Metrics(settings.gpu_hour_prices), "events": events}
        self.reconciler = Reconciler(defaults=DEFAULTS, room=FakeRoom(world), turns=Turns(4), **parts)
        self.autoscaler = Autoscaler(settings=settings, **parts)
        self.metrics = parts["metrics"]

    def see(self) -> None:
        """Bring the cache level with the world, as the watch would."""
        listing = Listing(self.cache, frozenset(kind.kind for kind in WATCHED))
        for each in (self.world.raw, *self.world.objects.values(), *self.world.pods.values()):
            listing.take(each)
        listing.end()

    async def reconcile(self) -> float | None:
        """See, then one pass."""
        self.see()
        return await self.reconciler.reconcile(self.key)

    async def tick(self) -> float | None:
        """See, then one look at the load."""
        self.see()
        return await self.autoscaler.tick(self.key)

    async def settle(self, passes: int = 16) -> None:
        """Pass and step until a while has gone by."""
        for _ in range(passes):
            await self.reconcile()
            self.world.step()


@dataclass
class FakeLeaseApi:
    """One Lease object with optimistic locking; ``error`` makes every request fail."""

    lease: dict[str, Any] | None = None
    error: FleetError | None = None
    requests: list[str] = field(default_factory=list)

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        self.requests.append("GET")
        if self.error:
            raise self.error
        return copy.deepcopy(self.lease)

    async def request(self, method: str, path: str, body: Any = None, **query: Any) -> dict[str, Any]:
        self.requests.append(method)
        if self.error:
            raise self.error
        version = int(self.lease["metadata"]["resourceVersion"]) if self.lease else 0
        if (method == "POST" and self.lease) or (
            method == "PUT" and body["metadata"].get("resourceVersion") != str(version)
        ):
            raise Conflict(path)
        self.lease = copy.deepcopy({**body, "metadata": {**body["metadata"], "resourceVersion": str(version + 1)}})
        return self.lease
