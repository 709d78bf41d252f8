"""One pod as we care about it: a pure reading of the raw object."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from llmfleet import names
from llmfleet.api.conditions import Reason
from llmfleet_runtime.contract import ExitCode, Farewell

CRASHES_UNTIL_STALLED = 2
"""Restarts after which a failing start counts as hopeless until the spec changes."""

_IMAGE_TROUBLES = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_CONFIG_TROUBLES = frozenset({"CreateContainerConfigError", "CreateContainerError"})

_ENGINE_WORDS: tuple[tuple[tuple[str, ...], Reason], ...] = (
    (("out of memory", "larger than the available kv cache memory"), Reason.OUT_OF_GPU_MEMORY),
    (
        (
            "no such file",
            "does not exist",
            "not a valid model identifier",
            "repository not found",
            "can't load the configuration of",
            "is not the path to a directory",
            "invalid repository id or local directory",
        ),
        Reason.MODEL_NOT_FOUND,
    ),
)
"""vLLM's and huggingface_hub's words for a cause, lower case; the first match wins."""


_LACKS_DEVICE = re.compile(r"Insufficient [a-z0-9.-]+/")
"""Of all resources only extended ones, such as GPUs, have a slash in their name."""


class Health(StrEnum):
    """Where a pod stands."""

    PENDING = "Pending"
    STARTING = "Starting"
    READY = "Ready"
    UNREADY = "Unready"
    LEAVING = "Leaving"


@dataclass(frozen=True)
class Trouble:
    """What keeps a pod from serving, in the platform's or the engine's own words."""

    reason: Reason
    message: str
    is_terminal: bool
    """True when only a change of the spec, an image or a referenced object can help."""


@dataclass(frozen=True)
class PodView:
    """One pod: identity, health, and the trouble it has."""

    name: str
    uid: str
    revision: str
    health: Health
    has_served: bool
    """Its start-up probe has passed since the container last started."""
    address: str = ""
    image_id: str = ""
    annotations: Mapping[str, str] | None = None
    trouble: Trouble | None = None

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
        has_served=bool(container.get("started")),
        address=status.get("podIP", ""),
        image_id=container.get("imageID", ""),
        annotations=metadata.get("annotations"),
        trouble=_trouble(status, container),
    )


def _engine_container(status: Mapping[str, Any]) -> Mapping[str, Any]:
    found = (each for each in status.get("containerStatuses", ()) if each.get("name") == names.ENGINE_CONTAINER)
    return next(found, {})


def _health(metadata: Mapping[str, Any], status: Mapping[str, Any], container: Mapping[str, Any]) -> Health:
    if "deletionTimestamp" in metadata or status.get("phase") in ("Failed", "Succeeded"):
        return Health.LEAVING
    if _condition(status, "Ready").get("status") == "True":
        return Health.READY
    if container.get("started"):
        return Health.UNREADY
    return Health.STARTING if container.get("state", {}).get("running") else Health.PENDING


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((each for each in status.get("conditions", ()) if each.get("type") == kind), {})


def _trouble(status: Mapping[str, Any], container: Mapping[str, Any]) -> Trouble | None:
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        return _scheduling_trouble(scheduled.get("message", ""))
    waiting = container.get("state", {}).get("waiting", {})
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in _IMAGE_TROUBLES:
        return Trouble(Reason.IMAGE_PULL_FAILED, message or reason, is_terminal=True)
    if reason in _CONFIG_TROUBLES:
        return Trouble(Reason.CONFIG_ERROR, message or reason, is_terminal=True)
    ended = container.get("lastState", {}).get("terminated") or container.get("state", {}).get("terminated")
    if not ended or container.get("ready"):
        return None
    return _crash(ended, restarts=container.get("restartCount", 0))


def _scheduling_trouble(message: str) -> Trouble:
    if "persistentvolumeclaim" in message and "not found" in message:
        return Trouble(Reason.CONFIG_ERROR, message, is_terminal=True)
    lacks_gpu = _LACKS_DEVICE.search(message)
    reason = Reason.INSUFFICIENT_GPU if lacks_gpu else Reason.UNSCHEDULABLE
    return Trouble(reason, message or "the scheduler has not placed the pod yet", is_terminal=False)


def _crash(ended: Mapping[str, Any], restarts: int) -> Trouble:
    is_terminal = restarts >= CRASHES_UNTIL_STALLED
    if ended.get("reason") == "OOMKilled":
        return Trouble(Reason.OUT_OF_HOST_MEMORY, "the kernel ended the container at its memory limit", is_terminal)
    message = _last_words(ended.get("message", ""))
    lowered, shown = message.lower(), message[-900:]
    for words, reason in _ENGINE_WORDS:
        if any(word in lowered for word in words):
            return Trouble(reason, shown, is_terminal)
    bad_config = ended.get("exitCode") == ExitCode.BAD_CONFIG
    text = shown or f"exit code {ended.get('exitCode')} without a message"
    return Trouble(Reason.BAD_ENGINE_CONFIG if bad_config else Reason.CRASH_LOOP, text, is_terminal)


def _last_words(message: str) -> str:
    """The engine's words out of the launcher's farewell; any other text as it is."""
    try:
        farewell = Farewell.model_validate(json.loads(message))
    except (ValueError, ValidationError):
        return message
    return farewell.message or farewell.reason
