"""One pod as we care about it: a pure reading of the raw object."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from llmfleet import names
from llmfleet.api.conditions import Reason
from llmfleet.core.instant import elapsed
from llmfleet.core.trouble import Trouble, of_crash, of_disruption, of_preparing, of_scheduling, of_waiting

DISRUPTION_SECONDS = 600.0
"""So long a pod that was sent away explains why replicas are missing; its object may stay for days."""


class Health(StrEnum):
    """Where a pod stands."""

    PENDING = "Pending"
    STARTING = "Starting"
    READY = "Ready"
    UNREADY = "Unready"
    LEAVING = "Leaving"


class Arrival(NamedTuple):
    """How long a pod took until its container ran the first time, seconds."""

    schedule: float
    pull: float
    """Volumes and network too."""


@dataclass(frozen=True)
class PodView:
    """One pod: identity, health, and the trouble it has."""

    name: str
    uid: str
    revision: str
    health: Health
    has_served: bool
    """Its start-up probe has passed since the container last started."""
    has_ended: bool = False
    """Its container will not run again; the object is all that is left."""
    node: str = ""
    """Name of its node; empty before it is placed."""
    address: str = ""
    image_id: str = ""
    annotations: Mapping[str, str] | None = None
    trouble: Trouble | None = None
    arrival: Arrival | None = None
    """None until its container runs, and once that has started again."""

    @property
    def is_ready(self) -> bool:
        """Answers requests through the Service."""
        return self.health is Health.READY

    @property
    def is_leaving(self) -> bool:
        """Deleted, perhaps still draining."""
        return self.health is Health.LEAVING


def pod_view(raw: Mapping[str, Any]) -> PodView:
    """Read a pod as the API server gives it."""
    metadata, status = raw["metadata"], raw.get("status", {})
    container = _engine_container(status)
    return PodView(
        name=metadata["name"],
        uid=metadata["uid"],
        revision=metadata.get("labels", {}).get(names.REVISION_LABEL, ""),
        health=_health(metadata, status, container),
        has_served=bool(container.get("started") or container.get("ready")),
        has_ended=has_ended(raw),
        node=raw.get("spec", {}).get("nodeName", ""),
        address=status.get("podIP", ""),
        image_id=container.get("imageID", ""),
        annotations=metadata.get("annotations"),
        trouble=_trouble(metadata, status, container),
        arrival=_arrival(metadata, status, container),
    )


def _arrival(metadata: Mapping[str, Any], status: Mapping[str, Any], container: Mapping[str, Any]) -> Arrival | None:
    scheduled = _condition(status, "PodScheduled")
    born, placed = metadata.get("creationTimestamp", ""), scheduled.get("lastTransitionTime", "")
    running = container.get("state", {}).get("running", {}).get("startedAt", "")
    if not (born and placed and running) or scheduled.get("status") != "True" or container.get("restartCount"):
        return None
    return Arrival(elapsed(born, placed), elapsed(placed, running))


def _engine_container(status: Mapping[str, Any]) -> Mapping[str, Any]:
    found = (each for each in status.get("containerStatuses", ()) if each.get("name") == names.ENGINE_CONTAINER)
    return next(found, {})


def _is_leaving(metadata: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    return "deletionTimestamp" in metadata or has_ended({"status": status})


def has_ended(raw: Mapping[str, Any]) -> bool:
    """Whether a pod's containers will not run again; the object may stay for days."""
    return raw.get("status", {}).get("phase") in ("Failed", "Succeeded")


def _health(metadata: Mapping[str, Any], status: Mapping[str, Any], container: Mapping[str, Any]) -> Health:
    if _is_leaving(metadata, status):
        return Health.LEAVING
    if _condition(status, "Ready").get("status") == "True":
        return Health.READY
    if container.get("started"):
        return Health.UNREADY
    return Health.STARTING if container.get("state", {}).get("running") else Health.PENDING


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((each for each in status.get("conditions", ()) if each.get("type") == kind), {})


def _trouble(metadata: Mapping[str, Any], status: Mapping[str, Any], container: Mapping[str, Any]) -> Trouble | None:
    if _is_leaving(metadata, status):
        return of_disruption(status, _condition(status, "DisruptionTarget"))
    born = metadata.get("creationTimestamp", "")
    scheduled, ready = _condition(status, "PodScheduled"), _condition(status, "Ready")
    if scheduled.get("status") == "False":
        return of_scheduling(scheduled.get("message", ""), born)
    if container.get("ready"):
        return _node_lost(ready) if ready.get("status") == "False" else None
    ended = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated")
    since = ended.get("finishedAt", born) if ended else born
    stuck = of_waiting(container.get("state", {}).get("waiting", {}), since)
    if stuck or not ended:
        return stuck or _unprepared(status, born)
    return of_crash(ended, restarts=container.get("restartCount", 0))


def _unprepared(status: Mapping[str, Any], born: str) -> Trouble | None:
    """Source: pkg/kubelet/status/generate.go; volumes come before the sandbox that this condition tells of."""
    is_prepared = _condition(status, "PodReadyToStartContainers").get("status") != "False"
    return None if is_prepared else of_preparing(status.get("startTime", born))


def _node_lost(ready: Mapping[str, Any]) -> Trouble:
    """A container that the kubelet last called ready in a pod that is not: the node controller has withdrawn it.

    Source: pkg/controller/util/node/controller_utils.go, MarkPodsNotReady.
    """
    words = "the node stopped reporting; its pods are replaced when it does not come back"
    return Trouble(Reason.NODE_LOST, words, is_terminal=False, since=ready.get("lastTransitionTime", ""))


def worst(pods: Iterable[PodView], now: str) -> Trouble | None:
    """The trouble that best explains why these pods do not serve: hopeless before passing, present before past."""
    found = [(pod.trouble, pod.is_leaving) for pod in pods if pod.trouble and pod.trouble.shows(now)]
    telling = [(trouble, gone) for trouble, gone in found if not gone or _is_recent(trouble, now)]
    ranked = sorted(telling, key=lambda each: (each[1], not each[0].stalls(now), not each[0].is_terminal))
    return ranked[0][0] if ranked else None


def _is_recent(trouble: Trouble, now: str) -> bool:
    return bool(trouble.since) and elapsed(trouble.since, now) < DISRUPTION_SECONDS


def present_troubles(pods: Iterable[PodView]) -> tuple[Trouble, ...]:
    """The troubles of pods that stay."""
    return tuple(pod.trouble for pod in pods if pod.trouble and not pod.is_leaving)
