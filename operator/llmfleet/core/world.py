"""What is, as one frozen value: the object, its children, its pods. Parsers from raw objects."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from llmfleet import names
from llmfleet.api.status import Status
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core.capacity import Capacity
from llmfleet.core.drains import Removal
from llmfleet.core.foreign import Scaler
from llmfleet.core.headroom import with_room
from llmfleet.core.plan import Ref
from llmfleet.core.pods import Health, PodView, pod_view
from llmfleet_runtime.contract import DownloadStatus, LiveConfig, RuntimeStatus

Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Report:
    """What one pod says of itself; absent members were not asked or not answered."""

    status: RuntimeStatus | None = None
    in_flight: int | None = None
    idle_seconds: float | None = None


@dataclass(frozen=True)
class Observed:
    """Everything a plan or a status is derived from."""

    raw: Raw
    deployment: LLMDeployment | None
    """None when the stored spec breaks the schema; ``invalid`` says how. Room for adapters is filled in."""
    invalid: str
    status: Status
    children: Mapping[Ref, Raw]
    pods: tuple[PodView, ...]
    reports: Mapping[str, Report] = field(default_factory=dict)
    """By pod UID."""
    downloads: Mapping[str, DownloadStatus] = field(default_factory=dict)
    """By UID, of pods that fetch their model."""
    answered: frozenset[str] = frozenset()
    """UIDs of pods that are not ready and said where they stand."""
    capacity: Capacity | None = None
    """None when it was not asked for, or may not be known."""
    removals: tuple[Removal, ...] = ()
    """Pods that have left since the last pass."""
    scalers: tuple[Scaler, ...] = ()
    """Autoscalers of others that may aim at this fleet."""
    inspectors: tuple[Raw, ...] = ()
    """Pods of our Jobs."""
    making: Mapping[str, str] = field(default_factory=dict)
    """Where pods are that make a checkpoint, in their own words, by UID."""
    inspection_refused: bool = False
    """The cluster takes no inspection Job."""

    @property
    def generation(self) -> int:
        """The generation of the spec looked at."""
        return int(self.raw["metadata"].get("generation", 0))

    def of_kind(self, kind: str) -> tuple[Raw, ...]:
        """Children of one kind, by name."""
        return tuple(raw for ref, raw in sorted(self.children.items(), key=lambda i: i[0].name) if ref.kind == kind)

    def fleets(self) -> Mapping[str, int]:
        """Wanted pods of each revision that has a Deployment."""
        return self._fleets

    @cached_property
    def _fleets(self) -> Mapping[str, int]:
        return {
            labels(raw).get(names.REVISION_LABEL, ""): int(raw.get("spec", {}).get("replicas", 0))
            for raw in self.of_kind("Deployment")
        }

    def has_others(self, revision: str) -> bool:
        """Whether pods of another revision are wanted."""
        return any(size for name, size in self.fleets().items() if name != revision)

    def staying(self, revision: str | None = None) -> tuple[PodView, ...]:
        """Pods that are not leaving, of one revision or all."""
        return tuple(pod for pod in self.pods if not pod.is_leaving and (revision is None or pod.revision == revision))

    def ready(self, revision: str | None = None) -> int:
        """How many pods answer, of one revision or all."""
        return sum(pod.health is Health.READY for pod in self.staying(revision))

    @cached_property
    def live(self) -> LiveConfig | None:
        """The live document as it stands in the cluster."""
        name = names.live_name(self.raw["metadata"]["name"])
        raw = self.children.get(Ref("ConfigMap", name))
        try:
            return LiveConfig.model_validate_json(raw["data"]["live.json"]) if raw else None
        except (KeyError, ValidationError):
            return None


def labels(raw: Raw) -> Mapping[str, str]:
    """The labels of an object."""
    found: Mapping[str, str] = raw.get("metadata", {}).get("labels") or {}
    return found


def owner_uid(raw: Raw) -> str:
    """UID of the controller that owns an object; empty without one."""
    owners = raw.get("metadata", {}).get("ownerReferences") or ()
    return next((each["uid"] for each in owners if each.get("controller")), "")


def observe(
    raw: Raw,
    children: Iterable[Raw],
    pods: Iterable[Raw],
    reports: Mapping[str, Report] | None = None,
    scalers: tuple[Scaler, ...] = (),
) -> Observed:
    """Parse raw objects; children and pods that are not ours are left out."""
    uid = raw["metadata"]["uid"]
    deployment, invalid = _parsed(raw)
    ours = {Ref(each["kind"], each["metadata"]["name"]): each for each in children if owner_uid(each) == uid}
    seen = tuple(pods)
    jobs = {each["metadata"]["uid"] for ref, each in ours.items() if ref.kind == "Job"}
    found = Observed(
        raw=raw,
        deployment=deployment,
        invalid=invalid,
        status=_status(raw),
        children=ours,
        pods=tuple(
            sorted((pod_view(each) for each in seen if labels(each).get(names.UID_LABEL) == uid), key=lambda p: p.name)
        ),
        inspectors=tuple(each for each in seen if owner_uid(each) in jobs),
        reports=reports or {},
        scalers=scalers,
    )
    return replace(found, deployment=with_room(deployment, found.fleets())) if deployment else found


def _parsed(raw: Raw) -> tuple[LLMDeployment | None, str]:
    try:
        return LLMDeployment.parse(dict(raw)), ""
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("spec", *first["loc"]))
        return None, f"{where}: {first['msg']} (value: {str(first['input'])[:80]})"


def _status(raw: Raw) -> Status:
    """The recorded status; members that only an older or newer operator can read count as nothing, and no others."""
    recorded = raw.get("status") or {}
    try:
        return Status.model_validate(recorded, extra="ignore")
    except ValidationError as error:
        unread = {each["loc"][0] for each in error.errors()}
        return Status.model_validate({key: recorded[key] for key in recorded if key not in unread}, extra="ignore")
