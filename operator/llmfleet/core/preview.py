"""What applying an object would do, without doing it: the plan, told to people and to programs."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llmfleet import names
from llmfleet.api.conditions import Reason
from llmfleet.core import fleet
from llmfleet.core.differences import differences
from llmfleet.core.merge import with_file
from llmfleet.core.path import IN_PLACE
from llmfleet.core.plan import Action, Blocked, Plan
from llmfleet.core.scaling.why import unknown_source
from llmfleet.core.template import Defaults
from llmfleet.core.world import Observed, Raw, labels, observe, owner_uid

NEW_UID = "00000000-0000-0000-0000-000000000000"
"""Stands in for the UID of an object that is not there yet; its revision cannot be known before."""
UNKNOWN_REVISION, UNKNOWN_UID = "<revision>", "<uid>"


@dataclass(frozen=True)
class Preview:
    """One object as it would be, what is planned for it, and how manifests would differ."""

    observed: Observed
    plan: Plan
    old: Raw | None
    """The object as it is now; None when it is new."""
    diff: str

    @property
    def key(self) -> str:
        """As ``namespace/name``."""
        metadata = self.observed.raw["metadata"]
        return f"{metadata['namespace']}/{metadata['name']}"

    @property
    def changes(self) -> bool:
        """Whether anything would change: the object itself, or something of it."""
        return bool(self.plan.actions) or self.old is None or self.old.get("spec") != self.observed.raw.get("spec")

    @property
    def replaced(self) -> tuple[str, ...]:
        """Other revisions that still have replicas."""
        return tuple(name for name, size in self.observed.fleets().items() if size and name != self.plan.revision)

    @property
    def unavailable(self) -> int:
        """Most replicas that stop serving before their successor serves, by the path chosen."""
        path = self.plan.rollout
        return min(path.bounds.unavailable, self._serving) if path else 0

    @property
    def unavailable_without_room(self) -> int:
        """The same should no GPU be free when it comes to that; another number only where that is not known yet."""
        path = self.plan.rollout
        is_open = path and (path.is_waiting or path.reason is Reason.FREE_CAPACITY_UNKNOWN)
        return max(self.unavailable, min(IN_PLACE.unavailable, self._serving)) if is_open else self.unavailable

    @property
    def _serving(self) -> int:
        return sum(self.observed.ready(name) for name in self.replaced)


def preview(
    observed: Observed, old: Raw | None, defaults: Defaults, now: str, sources: Collection[str] = ()
) -> Preview:
    """``observed`` holds the object as applying would make it, and its children and pods as they are.

    ``sources`` are the names of the operator's metrics sources.
    """
    plan = fleet.plan(observed, defaults, now)
    plan = replace(plan, blocked=(*plan.blocked, *_held(observed, sources)))
    return Preview(observed, plan, old, differences(observed, plan, old))


def _held(observed: Observed, sources: Collection[str]) -> Iterator[Blocked]:
    """Why the size would be held from the first look on."""
    scaling = observed.deployment.spec.autoscaling if observed.deployment else None
    name = scaling.metrics_source_name if scaling else None
    if name and name not in sources:
        step = "name one of them, or leave the field out to read the pods. The size is held."
        yield Blocked(Reason.METRICS_SOURCE_UNKNOWN, f"{unknown_source(name, sources)}; {step}")


def offline(file: Raw, objects: Sequence[Raw]) -> tuple[Observed, Raw | None]:
    """The object as applying the file would make it, and as it is now, out of objects that were listed before.

    ``objects`` are any of the namespace: the object itself, children and pods, each as far as it is there.
    """
    namespace, name = file["metadata"]["namespace"], file["metadata"]["name"]
    near = [each for each in objects if each["metadata"].get("namespace", namespace) == namespace]
    old = next((each for each in near if each["kind"] == names.KIND and each["metadata"]["name"] == name), None)
    others = [each for each in near if each["kind"] != names.KIND]
    owners = (owner_uid(each) for each in others if labels(each).get(names.DEPLOYMENT_LABEL) == name)
    uid = old["metadata"]["uid"] if old else next((each for each in owners if each), NEW_UID)
    raw = with_file(file, old, uid)
    pods = [each for each in others if each["kind"] == "Pod"]
    return observe(raw, [each for each in others if each["kind"] != "Pod"], pods), old


def document(found: Preview) -> dict[str, Any]:
    """The preview for programs."""
    plan, path = found.plan, found.plan.rollout if found.replaced else None
    rollout = {"path": str(path.path), "reason": str(path.reason), "message": path.message} if path else None
    told: dict[str, Any] = _named(
        found,
        {
            "object": found.key,
            "changes": found.changes,
            "revision": plan.revision,
            "replacedRevisions": list(found.replaced),
            "givenUpRevision": plan.given_up or None,
            "replicas": plan.desired,
            "rollout": rollout,
            "unavailableReplicas": found.unavailable,
            "unavailableReplicasWithoutRoom": found.unavailable_without_room,
            "blocked": [{"reason": str(each.reason), "message": each.message} for each in plan.blocked],
            "actions": [
                {"action": _verb(each), "kind": each.ref.kind, "name": each.ref.name, "why": each.why}
                for each in plan.actions
            ],
            "diff": found.diff,
        },
    )
    return told


def text(found: Preview) -> str:
    """The preview for people."""
    lines = [f"{found.key}: {'something would change' if found.changes else 'nothing would change'}"]
    lines += [f"  {name:<12} {value}" for name, value in _facts(found)]
    if found.plan.actions:
        width = max(len(str(each.ref)) for each in found.plan.actions)
        lines += ["", "now, in this order:"]
        lines += [f"  {_verb(each):<8} {each.ref!s:<{width}}  {each.why}" for each in found.plan.actions]
    lines += [line for each in _afterwards(found) for line in ("", each)]
    if found.diff:
        lines += ["", found.diff.rstrip("\n")]
    told: str = _named(found, "\n".join(lines))
    return told


def _facts(found: Preview) -> Iterator[tuple[str, str]]:
    plan = found.plan
    if plan.revision:
        origin = "" if plan.revision not in found.observed.fleets() else ", which runs already"
        instead = f", instead of {', '.join(found.replaced)}" if found.replaced else ""
        yield "revision", f"{plan.revision}{instead or origin}"
    if plan.given_up:
        yield "given up", f"{plan.given_up} made no progress and is not tried again"
    now = sum(found.observed.fleets().values())
    yield "replicas", f"{plan.desired}, now {now} with {found.observed.ready()} ready"
    if plan.rollout and found.replaced:
        yield "rollout", f"{plan.rollout.path} ({plan.rollout.reason}): {plan.rollout.message}"
        yield "unavailable", _dip(found)
    for each in plan.blocked:
        yield "blocked", f"{each.reason}: {each.message}"
    if plan.upgrade:
        yield "upgrade", f"with the next revision: {plan.upgrade}"


def _dip(found: Preview) -> str:
    if found.unavailable:
        return f"{found.unavailable} of {found.plan.desired} replicas at a time"
    most = found.unavailable_without_room
    return f"none, or {most} at a time where no GPU is free" if most else "none"


def _afterwards(found: Preview) -> Iterator[str]:
    if found.replaced and found.plan.actions and found.observed.deployment:
        limit = found.observed.deployment.spec.rollout.revision_history_limit
        order = "leave before" if found.unavailable else "leave as"
        if found.unavailable_without_room > found.unavailable:
            order = "leave as, or where no GPU is free before,"
        yield (
            f"then, step by step: replicas of {', '.join(found.replaced)} {order} those of {found.plan.revision} "
            "become ready;\nafter the last one their Deployment and ConfigMap are deleted; "
            f"{limit} earlier records are kept"
        )


def _verb(action: Action) -> str:
    return type(action).__name__.lower()


def _named(found: Preview, told: Any) -> Any:
    """Without UID and revision of an object that is not there yet."""
    if found.observed.raw["metadata"]["uid"] != NEW_UID or not found.plan.revision:
        return told
    if isinstance(told, dict):
        return {key: _named(found, value) for key, value in told.items()}
    if isinstance(told, list):
        return [_named(found, each) for each in told]
    if not isinstance(told, str):
        return told
    return told.replace(found.plan.revision, UNKNOWN_REVISION).replace(NEW_UID, UNKNOWN_UID)
