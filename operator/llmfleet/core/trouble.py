"""What keeps a pod from serving, typed: a cause, the words it was told in, and whether waiting helps."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from llmfleet.api.conditions import Reason
from llmfleet.core.dictionary import CLAIMS, CONFIGURING, CRASHES, CREATIONS, DISRUPTIONS, FAREWELLS, PLACING, cause
from llmfleet.core.instant import elapsed
from llmfleet_runtime.contract import ExitCode, Farewell

CRASHES_UNTIL_STALLED = 2
"""Restarts after which a failing start counts as hopeless until the spec changes."""

LASTING_RUN_SECONDS = 600.0
"""A container that ran this long is no crash loop: the kubelet forgets its back-off by then too."""

GRACE_SECONDS = 60.0
"""So long a missing object may be on its way: pipelines apply a fleet before its Secret."""

QUIET_SECONDS = 120.0
"""So long a node may take to attach volumes and set up the network."""

SHOWN_CHARACTERS = 900

Raw = Mapping[str, Any]

_IMAGE = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"}
)  # pkg/kubelet/images/types.go, cri-api/pkg/errors/errors.go
_HOPELESS_IMAGE = frozenset({"InvalidImageName", "ErrImageNeverPull"})
_CONFIG = frozenset(
    {"CreateContainerConfigError", "PreCreateHookError"}
)  # pkg/kubelet/kuberuntime/kuberuntime_container.go
_START = frozenset(
    {"CreateContainerError", "RunContainerError", "PreStartHookError", "StartError", "ContainerCannotRun"}
)

_PASSING = frozenset({Reason.MODEL_DOWNLOAD_FAILED, Reason.ENGINE_STALLED})
"""Crashes that a later start may be spared, however often they happened."""


@dataclass(frozen=True)
class Trouble:
    """What keeps a pod from serving, in the platform's or the engine's own words."""

    reason: Reason
    message: str
    is_terminal: bool
    """True when only a change of the spec, an image or a referenced object can help."""
    since: str = ""
    """When it began, RFC 3339; empty where nothing tells."""
    grace_seconds: float = 0.0
    """How long after ``since`` a terminal trouble is still taken for a passing one."""
    quiet_seconds: float = 0.0
    """How long after ``since`` it is an ordinary wait, of which nothing is said."""

    def shows(self, now: str) -> bool:
        """Whether it is worth a word by now, RFC 3339."""
        return self._left(self.quiet_seconds, now) == 0

    def stalls(self, now: str) -> bool:
        """Whether nothing more happens until somebody changes something."""
        return self.is_terminal and self._left(self.grace_seconds, now) == 0

    def changes_in(self, now: str) -> float | None:
        """Seconds until time alone changes what it means; None when it does not."""
        left = self._left(self.quiet_seconds, now) or (self._left(self.grace_seconds, now) if self.is_terminal else 0)
        return left or None

    def _left(self, seconds: float, now: str) -> float:
        """Of so many seconds after its beginning; none where nothing tells when that was."""
        return max(0.0, seconds - elapsed(self.since, now)) if self.since else 0.0


def of_waiting(waiting: Raw, since: str) -> Trouble | None:
    """Why the kubelet cannot start a container, out of its ``state.waiting``."""
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    shown = shortened(message or reason)
    if reason in _IMAGE or reason in _HOPELESS_IMAGE:
        grace = GRACE_SECONDS if reason in _IMAGE else 0.0
        return Trouble(Reason.IMAGE_PULL_FAILED, shown, is_terminal=True, since=since, grace_seconds=grace)
    if reason in _CONFIG:
        found, _ = cause(CONFIGURING, message) or (Reason.CONFIG_ERROR, message)
    elif reason in _START:
        found = Reason.CONTAINER_NOT_STARTED
    else:
        return None
    return Trouble(found, shown, is_terminal=True, since=since, grace_seconds=GRACE_SECONDS)


def of_preparing(since: str) -> Trouble:
    """A container that waits for its pod's volumes and network; why, only the pod's events tell."""
    words = "the node has not prepared the pod's volumes and network; the pod's events say why (kubectl describe pod)"
    return Trouble(Reason.POD_NOT_PREPARED, words, is_terminal=False, since=since, quiet_seconds=QUIET_SECONDS)


def of_scheduling(message: str, since: str) -> Trouble:
    """Why the scheduler finds no node; lack of room passes, a claim that is not there does not."""
    lost = cause(CLAIMS, message)
    if lost:
        return Trouble(lost[0], shortened(message), is_terminal=True, since=since, grace_seconds=GRACE_SECONDS)
    reason, _ = cause(PLACING, message) or (Reason.UNSCHEDULABLE, "")
    told = shortened(message) or "the scheduler has not placed the pod yet"
    return Trouble(reason, told, is_terminal=False, since=since)


def of_crash(ended: Raw, restarts: int) -> Trouble:
    """Why a container ended, out of its ``terminated`` state, whose message is the launcher's farewell."""
    reason, words = _crash_cause(ended)
    lasted = elapsed(ended.get("startedAt", ""), ended.get("finishedAt", ""))
    has_run = lasted >= LASTING_RUN_SECONDS and reason is not Reason.STARTUP_TIMED_OUT
    is_terminal = restarts >= CRASHES_UNTIL_STALLED and reason not in _PASSING and not has_run
    is_told = _farewell(ended.get("message", "")).reason in FAREWELLS
    is_certain = is_told and reason not in _PASSING  # the next start finds the same
    return Trouble(reason, words, is_terminal or is_certain, since=ended.get("finishedAt", ""))


def _crash_cause(ended: Raw) -> tuple[Reason, str]:
    if ended.get("reason") == "OOMKilled":
        return Reason.OUT_OF_HOST_MEMORY, "the kernel ended the container at its memory limit"
    message = ended.get("message", "")
    farewell = _farewell(message)
    text = farewell.message or farewell.reason or message
    shown = shortened(text) if farewell.reason else message[-SHOWN_CHARACTERS:]
    if ended.get("reason") in _START:
        return Reason.CONTAINER_NOT_STARTED, shown or "the container could not be started"
    if farewell.reason in FAREWELLS:
        return FAREWELLS[farewell.reason], shown
    found = cause(CRASHES, text)
    if found:
        return found[0], shortened(found[1])
    bad_config = ended.get("exitCode") == ExitCode.BAD_CONFIG
    told = shown or f"exit code {ended.get('exitCode')} without a message"
    return Reason.BAD_ENGINE_CONFIG if bad_config else Reason.CRASH_LOOP, told


def _farewell(message: str) -> Farewell:
    """What the launcher wrote, causes in front; without a reason where it is the end of a log, causes behind."""
    try:
        return Farewell.model_validate(json.loads(message))
    except (ValueError, ValidationError):
        return Farewell(exit_code=0, reason="")


def creations(deployments: Iterable[Raw]) -> tuple[Trouble, ...]:
    """Why ReplicaSets cannot make pods, out of their Deployments."""
    conditions = (each for raw in deployments for each in raw.get("status", {}).get("conditions", ()))
    return tuple(
        of_creation(each) for each in conditions if (each.get("type"), each.get("status")) == ("ReplicaFailure", "True")
    )


def of_creation(condition: Raw) -> Trouble:
    """Why a ReplicaSet cannot make pods, out of the ``ReplicaFailure`` condition."""
    message = condition.get("message", "")
    reason, _ = cause(CREATIONS, message) or (Reason.POD_CREATION_FAILED, "")
    waits = reason in (Reason.QUOTA_EXCEEDED, Reason.ADMISSION_UNREACHABLE)
    return Trouble(reason, shortened(message), not waits, condition.get("lastTransitionTime", ""), GRACE_SECONDS)


def of_disruption(status: Raw, target: Raw) -> Trouble | None:
    """Why a pod was sent away, out of its status and its ``DisruptionTarget`` condition; None when it just left.

    Never terminal: another pod takes its place.
    """
    told = [status.get("reason", ""), status.get("message", "")]
    if target.get("status") == "True":
        told += [target.get("reason", ""), target.get("message", "")]
    found = cause(DISRUPTIONS, " ".join(told))
    words = status.get("message") or target.get("message") or " ".join(told).strip()
    since = target.get("lastTransitionTime", "")
    return Trouble(found[0], shortened(words), is_terminal=False, since=since) if found else None


def recheck_after(troubles: Iterable[Trouble], now: str) -> float | None:
    """Seconds until time alone changes what the first of them means; None where it does not."""
    waits = (trouble.changes_in(now) for trouble in troubles)
    return min((each for each in waits if each is not None), default=None)


def shortened(text: str) -> str:
    """As much of a text's beginning as a status may carry."""
    text = text.strip()
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
