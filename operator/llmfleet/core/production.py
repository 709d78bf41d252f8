"""The checkpoint that a new revision asks for, made by a Job before its pods: how far it is, what came of it.

The Job has the object's Secret and claims, and an image with llm-compressor. Unlike an inspection it is depended on:
without the checkpoint there is nothing to serve. Its pod tells the operator where it is, and in the end what it made.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from llmfleet import names
from llmfleet.api.conditions import Reason
from llmfleet.api.quantization import Source
from llmfleet.api.v1alpha1 import LLMDeployment, Spec
from llmfleet.core import manifests
from llmfleet.core.fit.report import gib
from llmfleet.core.inspection import Inspection, stale_jobs
from llmfleet.core.instant import elapsed
from llmfleet.core.plan import Action, Apply, Blocked, Ref
from llmfleet.core.pods import has_ended
from llmfleet.core.scene import deletion
from llmfleet.core.source import model_source
from llmfleet.core.template import Defaults
from llmfleet.core.trouble import shortened
from llmfleet.core.world import Observed, Raw, owner_uid
from llmfleet_runtime.contract import CACHE_FOLDER, ModelFacts, Order, Production

FOLDER = f"{CACHE_FOLDER}/quantized"
LOOK_SECONDS = 10.0
"""Nothing tells how far it is but the pod, when it is asked."""
LEAVING_RECHECK_SECONDS = 2.0
RETRY_SECONDS = 600.0
LOST_SECONDS = 30.0
"""A pod that ended well and is not seen so long after its Job's end was taken away with what it said."""
MEMORY_SHARE = 1.25
"""Of the weights, that are in memory while they are quantized (llmfleet_runtime/quantizing/refusals.py)."""
BESIDE_BYTES = 2 * 2**30
_COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class Making:
    """What a Job has made, or why there is nothing yet."""

    found: Inspection | None = None
    """Of the checkpoint."""
    blocked: tuple[Blocked, ...] = ()
    actions: tuple[Action, ...] = ()
    recheck_after: float | None = None


def is_asked(spec: Spec) -> bool:
    """Whether pods of this spec serve what a Job makes."""
    return spec.quantization.source is Source.PRODUCED


def order(deployment: LLMDeployment, commit: str | None) -> Order:
    """What the Job is to make; the same place for the same model, commit and method, whoever asks.

    Without a commit a restart means that the model may have changed.
    """
    spec, model, method = deployment.spec, deployment.spec.model, deployment.spec.quantization.method
    version = commit or f"{model.revision or ''} {spec.rollout.restart_time or ''}"
    key = hashlib.sha256(json.dumps([model.uri, version, method]).encode()).hexdigest()[:20]
    revision = commit or model.revision
    return Order(model=model_source(model.uri), revision=revision, methods=(method,), out=f"{FOLDER}/{key}")


def begin(deployment: LLMDeployment, revision: str, found: Inspection, defaults: Defaults) -> Making:
    """Make the Job, with what is known of the source."""
    wanted = order(deployment, found.commit)
    manifest = manifests.quantizing_job(deployment, revision, wanted, _memory(found.facts), defaults)
    ref = Ref("Job", manifest["metadata"]["name"])
    begun = Apply(ref, manifest, "", f"revision {revision} serves a checkpoint that is to be made")
    return Making(blocked=(_under_way("its Job begins"),), actions=(*found.actions, begun), recheck_after=LOOK_SECONDS)


def making(observed: Observed, deployment: LLMDeployment, revision: str, now: str) -> Making | None:
    """How far a revision's Job is, ``now`` being RFC 3339; None before there is one."""
    job = observed.children.get(Ref("Job", names.checkpoint_name(deployment.name, revision)))
    if job is None:
        return None
    stale = tuple(stale_jobs(observed, revision))
    if "deletionTimestamp" in job["metadata"]:
        return Making(None, (_under_way("the next try begins"),), stale, LEAVING_RECHECK_SECONDS)
    ended = [*_ended(observed, job)]
    made = next((each for each in map(_production, ended) if each and each.made), None)
    if made:
        return Making(_inspected(_ordered(job), made), actions=stale)
    over = _over(job)
    if over is None:
        return Making(None, (_under_way(_words(observed, job)),), stale, LOOK_SECONDS)
    is_lost, since = over["type"] != "Failed", elapsed(over.get("lastTransitionTime", ""), now)
    wait = (LOST_SECONDS if is_lost else RETRY_SECONDS) - since
    again = (deletion(job, "the checkpoint is tried again"),) if wait <= 0 else ()
    blocked = (
        _under_way("its Job has ended, and what it said is not seen yet")
        if is_lost
        else Blocked(Reason.QUANTIZATION_FAILED, _failure(ended, over))
    )
    return Making(None, (blocked,), (*stale, *again), max(wait, 1.0))


def _memory(facts: ModelFacts | None) -> int:
    return int(MEMORY_SHARE * sum(each.bytes for each in facts.weights) if facts else 0) + BESIDE_BYTES


def _inspected(wanted: Order, made: Production) -> Inspection:
    commit = wanted.revision if wanted.revision and _COMMIT.fullmatch(wanted.revision) else None
    folder = f"{wanted.out}/{wanted.methods[0].lower()}"
    return Inspection(made.facts, commit, folder, f"{folder.removeprefix(CACHE_FOLDER)[1:]}: {_quality(made)}")


def _quality(found: Production) -> str:
    if found.made is None or found.source is None:
        return "not judged"
    own, told = found.made.quality, [gib(found.made.bytes)]
    told.append(f"perplexity {own.perplexity:.2f}, {found.source.perplexity:.2f} of its source")
    if own.agreement is not None:
        told.append(f"{own.agreement:.1%} of the first choices are the source's")
    return ", ".join(told)


def _ordered(job: Raw) -> Order:
    return Order.model_validate_json(job["spec"]["template"]["spec"]["containers"][0]["command"][-1])


def _pods(observed: Observed, job: Raw) -> Iterator[Raw]:
    return (pod for pod in observed.inspectors if owner_uid(pod) == job["metadata"]["uid"])


def _states(pod: Raw) -> Iterator[Raw]:
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return (each.get("state", {}) for each in statuses if each["name"] == names.QUANTIZING_CONTAINER)


def _ended(observed: Observed, job: Raw) -> list[Raw]:
    """Ends of the Job's containers, the last first."""
    ends = [each["terminated"] for pod in _pods(observed, job) for each in _states(pod) if "terminated" in each]
    return sorted(ends, key=lambda each: str(each.get("finishedAt", "")), reverse=True)


def _production(end: Raw) -> Production | None:
    try:
        return Production.model_validate_json(end.get("message") or "")
    except ValidationError:
        return None


def _over(job: Raw) -> Raw | None:
    """The condition that ended the Job."""
    conditions = job.get("status", {}).get("conditions", ())
    ends: Iterator[Raw] = (each for each in conditions if each["type"] in ("Complete", "Failed"))
    return next((each for each in ends if each["status"] == "True"), None)


def _failure(ended: list[Raw], over: Raw) -> str:
    if not ended:
        return shortened(f"the Job failed: {over.get('message') or over.get('reason', '')}")
    last, told = ended[0], _production(ended[0])
    words = f"{last.get('reason', 'Error')}, exit code {last.get('exitCode')}: {(last.get('message') or '').strip()}"
    return shortened(told.message if told else words)


def _words(observed: Observed, job: Raw) -> str:
    """Where it is, or what it waits for."""
    pod = next((each for each in _pods(observed, job) if not has_ended(each)), None)
    if pod is None:
        return f"its Job has no pod yet; kubectl describe job {job['metadata']['name']} says why"
    if said := observed.making.get(pod["metadata"]["uid"]):
        return said
    if waiting := next((each["waiting"] for each in _states(pod) if "waiting" in each), None):
        return shortened(f"{waiting.get('reason', 'waiting')}: {waiting.get('message', '')}".rstrip(": "))
    for each in pod.get("status", {}).get("conditions", ()):
        if (each["type"], each["status"]) == ("PodScheduled", "False"):
            return shortened(f"its pod finds no node: {each.get('message', '')}")
    return "its pod starts"


def _under_way(words: str) -> Blocked:
    return Blocked(Reason.QUANTIZING, f"the checkpoint is being made: {words}")
