"""The inspection of a new revision's model by a Job, before a pod is made: whether, when, what it found.

The Job runs where the model can be read: with the object's Secret or claim, without a GPU. It is waited for, but not
long: whatever keeps it from answering, the revision then goes on as one whose model nobody has looked at.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from llmfleet import names
from llmfleet.api.conditions import ConditionType, Reason
from llmfleet.api.status import Condition, ConditionStatus
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core import manifests
from llmfleet.core.instant import elapsed
from llmfleet.core.plan import Action, Apply, Blocked, Ref
from llmfleet.core.scene import Scene, deletion
from llmfleet.core.template import Defaults
from llmfleet.core.world import Observed, Raw, labels, owner_uid
from llmfleet_runtime.contract import Findings, InspectionReason, ModelFacts

IN_THE_IMAGE = "file://"
"""Whoever built that knows it."""
LEAVING_RECHECK_SECONDS = 2.0
UNPLACED_SHARE = 0.25
"""Of the time to wait, for a pod that finds no node: a claim may be on its way."""
RETRY_LEAST_SECONDS, RETRY_MOST_SECONDS = 30.0, 600.0
RETRY_SHARE = 0.25
"""Of the time that a model has been refused for: it is looked at again ever less often."""
REFUSED = frozenset(
    (InspectionReason.MODEL_NOT_FOUND, InspectionReason.MODEL_ACCESS_DENIED, InspectionReason.MODEL_INVALID,
     InspectionReason.UNSAFE_WEIGHTS)
)  # fmt: skip
"""What an engine would end with, too. A place that gives no answer is the engine's to try."""


@dataclass(frozen=True)
class Inspection:
    """Neither facts nor blocked: go on without."""

    facts: ModelFacts | None = None
    commit: str | None = None
    checkpoint: str = ""
    """The folder of one that was made for the revision, which the facts are of then."""
    quality: str = ""
    """How that did beside its source, in words."""
    blocked: tuple[Blocked, ...] = ()
    actions: tuple[Action, ...] = ()
    recheck_after: float | None = None


def source(deployment: LLMDeployment) -> str:
    """What is looked at, in ten hex digits: revisions of the same model share what was found. A restart looks anew."""
    model = deployment.spec.model
    secret = model.credentials.secret_name if model.credentials else ""
    identity: list[Any] = [model.uri, model.revision or "", secret, deployment.spec.rollout.restart_time or ""]
    if model.files:
        identity += [sorted(model.files.include), sorted(model.files.exclude)]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:10]


def inspect(observed: Observed, deployment: LLMDeployment, revision: str, defaults: Defaults, now: str) -> Inspection:
    """What is known of a new revision's model, or what is to be done to know it; ``now`` is RFC 3339."""
    model = deployment.spec.model
    if model.uri.startswith(IN_THE_IMAGE):
        return Inspection()
    known = _known(observed, source(deployment))
    if known:
        return Inspection(known.facts, known.commit, actions=tuple(stale_jobs(observed, "")))
    if not defaults.inspection_timeout_seconds:
        return Inspection()
    stale = tuple(stale_jobs(observed, revision))
    job = observed.children.get(Ref("Job", names.facts_name(deployment.name, revision)))
    if observed.inspection_refused:
        return Inspection(actions=stale)
    if job is None:
        manifest = manifests.inspection_job(deployment, revision, defaults)
        ref = Ref("Job", manifest["metadata"]["name"])
        begun = Apply(ref, manifest, "", f"revision {revision} is of a model that was not looked at yet")
        return Inspection(blocked=(_waiting(observed),), actions=(*stale, begun))
    return _of_job(observed, job, stale, defaults.inspection_timeout_seconds, now)


def _of_job(observed: Observed, job: Raw, stale: tuple[Action, ...], timeout: float, now: str) -> Inspection:
    if _is_leaving(job):
        return Inspection(blocked=(_waiting(observed),), actions=stale, recheck_after=LEAVING_RECHECK_SECONDS)
    findings, ended = _findings(observed, job)
    if findings and findings.facts:
        return Inspection(findings.facts, findings.commit, actions=stale)
    if findings and findings.reason in REFUSED:
        wait = _retry_seconds(observed, now) - elapsed(ended, now)
        again = (deletion(job, "the model is looked at again"),) if wait <= 0 else ()
        refusal = Blocked(Reason(findings.reason), findings.message)
        return Inspection(blocked=(refusal,), actions=(*stale, *again), recheck_after=max(wait, 1.0))
    left = timeout * _patience(observed, job) - elapsed(job["metadata"].get("creationTimestamp", ""), now)
    if left <= 0 or ended or _has_failed(job):
        return Inspection(actions=stale)
    return Inspection(blocked=(_waiting(observed),), actions=stale, recheck_after=left)


def is_inspection(ref: Ref) -> bool:
    """Whether it is a Job that reads a model."""
    return ref.kind == "Job" and ref.name.endswith(names.FACTS)


def dismiss(scene: Scene) -> Iterator[Action]:
    """Take the Jobs away once the revision has its record."""
    if Ref("ControllerRevision", names.revision_name(scene.deployment.name, scene.revision)) in scene.observed.children:
        yield from stale_jobs(scene.observed, "")


def record(deployment: LLMDeployment, found: Inspection) -> dict[str, Any]:
    """What a revision keeps of it; empty without facts."""
    if found.facts is None:
        return {}
    facts = found.facts.model_dump(mode="json", by_alias=True, exclude_none=True)
    # Facts of what was made for one revision are no other's.
    made = {"checkpoint": found.checkpoint, "quality": found.quality}
    origin = made if found.checkpoint else {"source": source(deployment)}
    return origin | {"facts": facts} | ({"commit": found.commit} if found.commit else {})


def _known(observed: Observed, wanted: str) -> Findings | None:
    """What an earlier revision of the same model has kept, the newest first."""
    for raw in sorted(observed.of_kind("ControllerRevision"), key=lambda each: -int(each["revision"])):
        kept = raw["data"].get("model") or {}
        if kept.get("source") == wanted:
            try:
                return Findings.model_validate({"facts": kept["facts"], "commit": kept.get("commit")})
            except (KeyError, ValidationError):
                continue
    return None


def _patience(observed: Observed, job: Raw) -> float:
    """The share of the time that is worth waiting: what keeps this pod from starting, the fleet's own will tell."""
    for pod in _inspectors(observed, job):
        conditions = {each["type"]: each["status"] for each in pod.get("status", {}).get("conditions", ())}
        waits = [each.get("state", {}).get("waiting", {}).get("reason", "") for each in _containers(pod)]
        if any(each not in ("", "ContainerCreating", "PodInitializing") for each in waits):
            return 0.0
        if conditions.get("PodScheduled") == "False":
            return UNPLACED_SHARE
    return 1.0


def _inspectors(observed: Observed, job: Raw) -> Iterator[Raw]:
    return (pod for pod in observed.inspectors if owner_uid(pod) == job["metadata"]["uid"])


def _containers(pod: Raw) -> Iterator[Raw]:
    """A cluster may put others beside ours."""
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return (each for each in statuses if each["name"] == names.INSPECTION_CONTAINER)


def _findings(observed: Observed, job: Raw) -> tuple[Findings | None, str]:
    """The report of a Job's pod and when it ended, RFC 3339; empty while none has."""
    states = (each["state"] for pod in _inspectors(observed, job) for each in _containers(pod))
    ended: Raw | None = next((each["terminated"] for each in states if "terminated" in each), None)
    if ended is None:
        return None, ""
    try:
        return Findings.model_validate_json(ended.get("message") or ""), ended["finishedAt"]
    except ValidationError:
        return None, ended["finishedAt"]


def _waiting(observed: Observed) -> Blocked:
    """While a refused model is looked at again, it stays refused."""
    refusal = standing(observed)
    if refusal and refusal.reason in {Reason(each) for each in REFUSED}:
        return refusal
    return Blocked(Reason.INSPECTING, "the model's configuration and headers are being read")


def standing(observed: Observed) -> Blocked | None:
    """What the present spec was last refused for, as the status has it."""
    stalled = _stalled(observed)
    if stalled is None or stalled.observed_generation != observed.generation:
        return None
    return Blocked(Reason(stalled.reason), stalled.message.partition(" | ")[0])


def _stalled(observed: Observed) -> Condition | None:
    found = (each for each in observed.status.conditions if each.type == ConditionType.STALLED)
    return next((each for each in found if each.status is ConditionStatus.TRUE and each.reason in set(Reason)), None)


def _retry_seconds(observed: Observed, now: str) -> float:
    stalled = _stalled(observed)
    refused_for = elapsed(stalled.last_transition_time, now) if stalled else 0.0
    return min(max(RETRY_LEAST_SECONDS, RETRY_SHARE * refused_for), RETRY_MOST_SECONDS)


def stale_jobs(observed: Observed, revision: str) -> Iterator[Action]:
    """Jobs of other revisions, or all of them."""
    for raw in observed.of_kind("Job"):
        if (not revision or labels(raw).get(names.REVISION_LABEL) != revision) and not _is_leaving(raw):
            yield deletion(raw, "its answer is not needed any more")


def _is_leaving(raw: Raw) -> bool:
    return "deletionTimestamp" in raw["metadata"]


def _has_failed(job: Raw) -> bool:
    conditions = job.get("status", {}).get("conditions", ())
    return any(each["type"] in ("Failed", "FailureTarget") and each["status"] == "True" for each in conditions)
