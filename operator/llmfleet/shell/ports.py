"""What the loops need of the world, as Protocols; in-memory versions live in the tests."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from llmfleet.core.capacity import Capacity
from llmfleet.core.plan import Ref
from llmfleet.core.pods import PodView
from llmfleet.core.scaling.sample import Sample
from llmfleet.core.scaling.series import Scrape
from llmfleet.core.world import Raw, Report


class Key(NamedTuple):
    """One LLMDeployment."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """As ``namespace/name``."""
        return f"{self.namespace}/{self.name}"


class Cluster(Protocol):
    """Writes to the API server. Each raises ``FleetError``."""

    async def apply(self, namespace: str, manifest: Mapping[str, Any], resource_version: str) -> Raw:
        """Server-side apply; an empty version creates. ``Refused`` when an object of another owner has the name."""
        ...

    async def lives(self, owner: Raw) -> bool:
        """Whether this very LLMDeployment is still there and not being deleted."""
        ...

    async def annotate(self, namespace: str, ref: Ref, uid: str, annotations: Mapping[str, str]) -> None:
        """Merge annotations into exactly this pod of ours; one that is gone already is fine."""
        ...

    async def delete(self, namespace: str, ref: Ref, uid: str) -> None:
        """Delete exactly this object; one that is gone already is fine."""
        ...

    async def apply_status(self, key: Key, resource_version: str, status: Mapping[str, Any], manager: str) -> Raw:
        """Server-side apply of status members under a field manager of their own, onto exactly what was looked at."""
        ...

    async def post_event(self, about: Raw, kind: str, reason: str, message: str) -> None:
        """Post a Kubernetes Event about an object."""
        ...


class Pods(Protocol):
    """Reads of the runtime in the pods; a silent pod is an empty report, not an exception."""

    async def reports(self, pods: Sequence[PodView]) -> Mapping[str, Report]:
        """Status and requests in flight of each pod, by UID."""
        ...

    async def samples(self, pods: Sequence[PodView]) -> tuple[Sample, ...]:
        """The load of each pod, in order."""
        ...


class SourceUnavailable(Exception):
    """A source of load did not answer with numbers; the text says why, and is the same while the cause is."""


class Source(Protocol):
    """Somebody else who reads the pods' metrics pages."""

    @property
    def scrape(self) -> Scrape:
        """How often it reads them, and how it names them."""
        ...

    async def samples(self, key: Key, pods: Sequence[PodView]) -> tuple[Sample, ...]:
        """The load of each pod, in order. Raises ``SourceUnavailable``."""
        ...


class Room(Protocol):
    """What nodes have left."""

    async def read(self) -> Capacity | None:
        """The present room; None where it may not be known. Raises ``FleetError``."""
        ...


class Clock(Protocol):
    """The present."""

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...

    def rfc3339(self) -> str:
        """The wall clock in UTC."""
        ...
