"""(Observed, Defaults) -> Plan: an ordered tuple of small rules, read top to bottom.

Rules give actions; the first rule that blocks ends the plan. Effects come in the safe order: what pods need
before the pods, what serves before what leaves.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from llmfleet import names
from llmfleet.api.conditions import Reason
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core import manifests
from llmfleet.core.plan import Action, Annotate, Apply, Blocked, Delete, Plan, Ref
from llmfleet.core.revision import revision_of
from llmfleet.core.rollout import Side, Sizes, next_sizes
from llmfleet.core.size import current_size, desired_size
from llmfleet.core.template import Defaults, Frozen, freeze
from llmfleet.core.world import Observed, Raw, labels
from llmfleet_runtime.contract import LiveConfig

KEPT_REVISIONS = 2
"""Earlier revisions whose frozen template stays, so that an edit back reuses it byte for byte."""


@dataclass(frozen=True)
class Scene:
    """One look at one readable, living deployment: what every rule is given."""

    observed: Observed
    deployment: LLMDeployment
    defaults: Defaults
    revision: str
    desired: int
    frozen: Frozen
    """Of the current revision: as recorded, or as it is about to be."""


Rule = Callable[[Scene], Iterator[Action]]


def plan(observed: Observed, defaults: Defaults) -> Plan:
    """What to do now; empty when converged."""
    deployment = observed.deployment
    if "deletionTimestamp" in observed.raw["metadata"]:
        return Plan(blocked=(Blocked(Reason.DELETING, "the object is being deleted"),))
    if deployment is None:
        return Plan(blocked=(Blocked(Reason.INVALID_SPEC, observed.invalid),), desired=current_size(observed) or 0)
    revision, desired = revision_of(deployment), desired_size(observed, deployment)
    if deployment.spec.paused:
        return Plan((), (Blocked(Reason.PAUSED, "spec.paused is true; nothing is touched"),), revision, desired)
    frozen = _frozen(observed, deployment, revision)
    if frozen is None and revision in observed.fleets():
        missing = (
            f"ControllerRevision {names.revision_name(deployment.name, revision)} is gone; its pods are left alone"
        )
        return Plan((), (Blocked(Reason.REVISION_MISSING, missing),), revision, desired)
    scene = Scene(observed, deployment, defaults, revision, desired, frozen or freeze(deployment, revision, defaults))
    return Plan(tuple(action for rule in RULES for action in rule(scene)), (), revision, desired)


def _frozen(observed: Observed, deployment: LLMDeployment, revision: str) -> Frozen | None:
    raw = observed.children.get(Ref("ControllerRevision", names.revision_name(deployment.name, revision)))
    return manifests.frozen_of(raw) if raw else None


def _apply(scene: Scene, manifest: manifests.Manifest, why: str) -> Iterator[Action]:
    """Apply an intent unless it stands as it was meant."""
    ref = Ref(manifest["kind"], manifest["metadata"]["name"])
    live = scene.observed.children.get(ref)
    if live is None or not manifests.is_current(manifest, live):
        yield Apply(ref, manifest, live["metadata"]["resourceVersion"] if live else "", why)


def record_revision(scene: Scene) -> Iterator[Action]:
    """Freeze a new revision before anything is made from it."""
    numbers = [int(raw["revision"]) for raw in scene.observed.of_kind("ControllerRevision")]
    ref = Ref("ControllerRevision", names.revision_name(scene.deployment.name, scene.revision))
    if ref not in scene.observed.children:
        number = max(numbers, default=0) + 1
        manifest = manifests.controller_revision(scene.deployment, scene.revision, number, scene.frozen)
        yield Apply(ref, manifest, "", f"revision {scene.revision} is new")


def configure(scene: Scene) -> Iterator[Action]:
    """The documents that pods read, before the pods."""
    ref = Ref("ConfigMap", names.revision_name(scene.deployment.name, scene.revision))
    if ref not in scene.observed.children:
        manifest = manifests.engine_config_map(scene.deployment, scene.revision, scene.frozen)
        yield Apply(ref, manifest, "", f"the engine document of revision {scene.revision}")
    live, seconds = scene.observed.live, scene.deployment.spec.lifecycle.drain_timeout_seconds
    if live is None or live.drain_timeout_seconds != seconds:
        seen = [report.status.live_number for report in scene.observed.reports.values() if report.status]
        number = max([live.number if live else 0, *seen])
        live = LiveConfig(number=number + 1, drain_timeout_seconds=seconds)
    yield from _apply(scene, manifests.live_config(scene.deployment, live), f"live document {live.number}")


def refresh_live(scene: Scene) -> Iterator[Action]:
    """Touch pods that run on an older live document: the kubelet then refreshes the volume at once."""
    live = scene.observed.live
    for pod in scene.observed.staying():
        report = scene.observed.reports.get(pod.uid)
        if live is None or report is None or report.status is None or report.status.live_number == live.number:
            continue
        wanted = {names.LIVE_ANNOTATION: str(live.number)}
        if not wanted.items() <= (pod.annotations or {}).items():
            yield Annotate(Ref("Pod", pod.name), wanted, f"it runs on live document {report.status.live_number}")


def serve(scene: Scene) -> Iterator[Action]:
    """The Service in front of the pods."""
    yield from _apply(scene, manifests.service(scene.deployment), "the Service in front of the pods")


def guard_disruption(scene: Scene) -> Iterator[Action]:
    """One disruption budget while more than one replica is wanted, none otherwise."""
    if scene.desired > 1:
        manifest = manifests.budget(scene.deployment, scene.desired - 1)
        yield from _apply(scene, manifest, f"{scene.desired} replicas, of which one may be disrupted")
        return
    existing = scene.observed.children.get(Ref("PodDisruptionBudget", scene.deployment.name))
    if existing:
        yield _delete(existing, "a budget over one replica would block every node drain")


def resize(scene: Scene) -> Iterator[Action]:
    """Size each revision: growing ones first, then shrinking ones with their victims marked."""
    sizes = _sizes(scene)
    fleets = scene.observed.fleets()
    steps = [(scene.revision, sizes.current), *sizes.previous.items()]
    for revision, size in sorted(steps, key=lambda step: step[1] < fleets.get(step[0], 0)):
        frozen = scene.frozen if revision == scene.revision else _frozen(scene.observed, scene.deployment, revision)
        if frozen is None:
            continue  # its template is gone: left untouched
        if size < fleets.get(revision, 0):
            yield from _mark_victims(scene, revision)
        manifest = manifests.fleet(scene.deployment, revision, frozen, size)
        yield from _apply(scene, manifest, f"revision {revision}: {fleets.get(revision, 0)} -> {size} replicas")


def _sizes(scene: Scene) -> Sizes:
    observed, fleets = scene.observed, scene.observed.fleets()

    def side(revision: str) -> Side:
        staying = observed.staying(revision)
        return Side(fleets.get(revision, 0), observed.ready(revision), sum(pod.has_served for pod in staying))

    previous = {each: side(each) for each in _by_age(observed) if each != scene.revision and each in fleets}
    return next_sizes(scene.desired, side(scene.revision), previous)


def _by_age(observed: Observed) -> list[str]:
    """Revisions, oldest first; those without a record are the oldest."""
    numbers = {
        labels(raw).get(names.REVISION_LABEL, ""): int(raw["revision"])
        for raw in observed.of_kind("ControllerRevision")
    }
    return sorted(numbers.keys() | observed.fleets().keys(), key=lambda each: (numbers.get(each, 0), each))


def _mark_victims(scene: Scene, revision: str) -> Iterator[Action]:
    """Say which pods to take first: those with the fewest requests in flight."""
    for pod in scene.observed.staying(revision):
        report = scene.observed.reports.get(pod.uid)
        if not pod.is_ready or report is None or report.in_flight is None:
            continue
        wanted = {names.DELETION_COST_ANNOTATION: str(report.in_flight)}
        if not wanted.items() <= (pod.annotations or {}).items():
            yield Annotate(Ref("Pod", pod.name), wanted, f"{report.in_flight} requests in flight")


def prune(scene: Scene) -> Iterator[Action]:
    """Delete what belonged to earlier revisions once their last pod is gone."""
    busy = {scene.revision} | {pod.revision for pod in scene.observed.pods}
    busy |= {revision for revision, size in scene.observed.fleets().items() if size}
    for kind in ("Deployment", "ConfigMap"):
        for raw in scene.observed.of_kind(kind):
            revision = labels(raw).get(names.REVISION_LABEL)
            if revision and revision not in busy:
                yield _delete(raw, f"revision {revision} has no pods left")
    records = sorted(scene.observed.of_kind("ControllerRevision"), key=lambda raw: -int(raw["revision"]))
    earlier = [raw for raw in records if labels(raw).get(names.REVISION_LABEL) not in busy]
    for raw in earlier[KEPT_REVISIONS:]:
        yield _delete(raw, f"more than {KEPT_REVISIONS} earlier revisions are kept")


def _delete(raw: Raw, why: str) -> Delete:
    return Delete(Ref(raw["kind"], raw["metadata"]["name"]), raw["metadata"]["uid"], why)


RULES: tuple[Rule, ...] = (record_revision, configure, refresh_live, serve, guard_disruption, resize, prune)
