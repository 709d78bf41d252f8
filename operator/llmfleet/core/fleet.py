"""(Observed, Defaults, now) -> Plan: an ordered tuple of small rules, read top to bottom.

Rules give actions; whatever blocks comes before them and ends the plan. Effects come in the safe order: what pods
need before the pods, what may leave before what takes its place.
"""

from collections.abc import Iterator
from dataclasses import replace

from llmfleet import names
from llmfleet.api.conditions import Reason
from llmfleet.api.rollout import RolloutType
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core import adapters, download, manifests
from llmfleet.core.access import restrict_access
from llmfleet.core.entry import Entry, enter
from llmfleet.core.goal import Goal, goal
from llmfleet.core.inspection import dismiss
from llmfleet.core.path import Candidate, choose
from llmfleet.core.plan import Action, Annotate, Apply, Blocked, Plan, Ref
from llmfleet.core.pods import present_troubles
from llmfleet.core.progress import is_rolling, overdue_in
from llmfleet.core.resize import resize
from llmfleet.core.rollout import Path
from llmfleet.core.room import waiting_for_room
from llmfleet.core.scene import Rule, Scene, deletion, recorded
from llmfleet.core.size import current_size
from llmfleet.core.starts import patience
from llmfleet.core.template import Defaults, Frozen, allowing
from llmfleet.core.trouble import Trouble, creations, recheck_after
from llmfleet.core.upgrade import difference
from llmfleet.core.world import Observed, labels
from llmfleet_runtime.contract import LiveConfig

DEADLINE_MARGIN_SECONDS = 1.0
NOTHING = Frozen({}, "{}", image="", generation=0)
"""Where no revision is to be run."""


def plan(observed: Observed, defaults: Defaults, now: str, known: Goal | None = None) -> Plan:
    """What to do now, ``now`` being RFC 3339; empty when converged. ``known`` is the goal, where it is at hand."""
    deployment, aim = observed.deployment, known or goal(observed, now)
    if "deletionTimestamp" in observed.raw["metadata"]:
        return Plan(blocked=(Blocked(Reason.DELETING, "the object is being deleted"),))
    if deployment is None or aim is None:
        return Plan(blocked=(Blocked(Reason.INVALID_SPEC, observed.invalid),), desired=current_size(observed) or 0)
    revision, desired, given_up = aim.revision, aim.desired, aim.wanted if aim.back else ""
    if deployment.spec.paused:
        paused = Blocked(Reason.PAUSED, "spec.paused is true; nothing is touched")
        return Plan((), (paused,), revision, desired, given_up=given_up)
    frozen = recorded(observed, deployment, revision)
    if frozen is None and revision in observed.fleets():
        missing = (
            f"ControllerRevision {names.revision_name(deployment.name, revision)} is gone; its pods are left alone"
        )
        return Plan((), (Blocked(Reason.REVISION_MISSING, missing),), revision, desired)
    entry = enter(observed, deployment, revision, defaults, now) if frozen is None else Entry()
    if entry.blocked:
        return _kept(Scene(observed, deployment, defaults, aim.wanted, "", desired, NOTHING, None), entry)
    template = frozen or entry.freeze(allowing(deployment, patience(observed.status.startup)), revision, defaults)
    candidate = Candidate(observed, deployment, revision, template.template, desired, now, bool(aim.back))
    rollout = _towards(candidate, template) if is_rolling(observed, revision, desired) else None
    scene = Scene(observed, deployment, defaults, aim.wanted, revision, desired, template, rollout)
    return Plan(
        tuple(action for rule in RULES for action in rule(scene)),
        (),
        revision,
        desired,
        rollout,
        given_up,
        difference(frozen, deployment, defaults) if frozen and not given_up else "",
        _recheck_after(scene, now),
    )


def _towards(candidate: Candidate, template: Frozen) -> Path:
    """The way of a rollout, and that it is for more adapters where it is."""
    path, observed = choose(candidate), candidate.observed
    before = [name for name, size in observed.fleets().items() if size and name != candidate.revision]
    records = [recorded(observed, candidate.deployment, name) for name in before]
    grown = [adapters.growth(each.engine_json, template.engine_json) for each in records if each]
    told = next(filter(None, grown), "")
    return replace(path, message=f"{path.message}; it brings {told}") if told else path


def _kept(scene: Scene, entry: Entry) -> Plan:
    """A new revision may not be made, or not yet: what runs keeps following the wanted size, and nothing else."""
    running = [name for name, size in scene.observed.fleets().items() if size]
    frozen = recorded(scene.observed, scene.deployment, running[0]) if len(running) == 1 else None
    actions = entry.actions
    if frozen is not None:
        standing = replace(scene, revision=running[0], frozen=frozen)
        actions += tuple(action for rule in (guard_disruption, resize) for action in rule(standing))
    return Plan(actions, entry.blocked, "", scene.desired, recheck_after=entry.recheck_after)


def needs_capacity(observed: Observed, aim: Goal | None) -> bool:
    """Whether the next step of a rollout depends on free room: then nodes and pods are worth reading."""
    deployment = observed.deployment
    if deployment is None or aim is None or deployment.deleting or deployment.spec.paused:
        return False
    if deployment.spec.rollout.type not in (RolloutType.AUTO, RolloutType.WHEN_IDLE):
        return False
    revision = aim.revision
    is_under_way = observed.fleets().get(revision, 0) > observed.ready(revision)
    is_due = not is_under_way or bool(waiting_for_room(observed, revision)) or observed.status.rollout is None
    return observed.has_others(revision) and is_due


def _recheck_after(scene: Scene, now: str) -> float | None:
    """Seconds until time alone may change the plan."""
    overdue = overdue_in(scene.observed, scene.deployment, scene.wanted, now)
    waits = [overdue + DEADLINE_MARGIN_SECONDS] if overdue is not None and overdue > 0 else []
    others = (
        scene.rollout.recheck_after if scene.rollout else None,
        recheck_after(_troubles(scene.observed), now),
        adapters.recheck_after(adapters.standing(scene.observed, scene.revision)),
        download.recheck_after(scene.observed),
    )
    return min([*waits, *(each for each in others if each is not None)], default=None)


def _troubles(observed: Observed) -> tuple[Trouble, ...]:
    return present_troubles(observed.pods) + creations(observed.of_kind("Deployment"))


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
    live, wanted = scene.observed.live, live_document(scene.deployment)
    told = ""
    if live is None or live.model_copy(update={"number": 0}) != wanted:
        seen = [report.status.live_number for report in scene.observed.reports.values() if report.status]
        number = max([live.number if live else 0, *seen])
        changes = adapters.changes(live, wanted)
        told = f": {changes}" if changes else ""
        live = wanted.model_copy(update={"number": number + 1})
    yield from scene.kept(manifests.live_config(scene.deployment, live), f"live document {live.number}{told}")


def live_document(deployment: LLMDeployment) -> LiveConfig:
    """What running pods shall follow, with the number 0."""
    seconds = deployment.spec.lifecycle.drain_timeout_seconds
    return LiveConfig(drain_timeout_seconds=seconds, adapters=adapters.wanted(deployment))


def refresh_live(scene: Scene) -> Iterator[Action]:
    """Touch pods that run on an older live document: the kubelet then refreshes the volume at once."""
    live = scene.observed.live
    for pod in scene.observed.staying():
        report = scene.observed.reports.get(pod.uid)
        if live is None or report is None or report.status is None or report.status.live_number == live.number:
            continue
        wanted = {names.LIVE_ANNOTATION: str(live.number)}
        if not wanted.items() <= (pod.annotations or {}).items():
            why = f"it runs on live document {report.status.live_number}"
            yield Annotate(Ref("Pod", pod.name), pod.uid, wanted, why)


def serve(scene: Scene) -> Iterator[Action]:
    """The Service in front of the pods."""
    yield from scene.kept(manifests.service(scene.deployment), "the Service in front of the pods")


def guard_disruption(scene: Scene) -> Iterator[Action]:
    """One disruption budget while more than one replica is wanted, none otherwise."""
    disrupted = scene.deployment.spec.disruption.max_unavailable
    if scene.desired > 1:
        manifest = manifests.budget(scene.deployment, max(0, scene.desired - disrupted))
        yield from scene.kept(manifest, f"{disrupted} of {scene.desired} replicas may be disrupted")
        return
    existing = scene.observed.children.get(Ref("PodDisruptionBudget", scene.deployment.name))
    if existing:
        yield deletion(existing, "a budget over one replica would block every node drain")


def prune(scene: Scene) -> Iterator[Action]:
    """Delete what belonged to earlier revisions once their last pod is gone."""
    busy = {scene.revision} | {pod.revision for pod in scene.observed.pods if not pod.has_ended}
    busy |= {revision for revision, size in scene.observed.fleets().items() if size}
    for kind in ("Deployment", "ConfigMap"):
        for raw in scene.observed.of_kind(kind):
            revision = labels(raw).get(names.REVISION_LABEL)
            if revision and revision not in busy:
                yield deletion(raw, f"revision {revision} has no pods left")
    records = sorted(scene.observed.of_kind("ControllerRevision"), key=lambda raw: -int(raw["revision"]))
    earlier = [raw for raw in records if labels(raw).get(names.REVISION_LABEL) not in busy | {scene.wanted}]
    limit = scene.deployment.spec.rollout.revision_history_limit
    for raw in earlier[limit:]:
        if labels(raw).get(names.REVISION_LABEL) != scene.observed.status.served_revision or scene.rollout is None:
            yield deletion(raw, f"rollout.revisionHistoryLimit keeps {limit} earlier revisions")


RULES: tuple[Rule, ...] = (
    record_revision,
    configure,
    refresh_live,
    restrict_access,
    serve,
    guard_disruption,
    resize,
    prune,
    dismiss,
)
