"""The rule that sizes each revision: a step of the rollout, or plain growing and shrinking."""

from collections.abc import Iterator

from llmfleet import names
from llmfleet.core import manifests
from llmfleet.core.plan import Action, Annotate, Ref
from llmfleet.core.rollout import Bounds, Side, next_sizes
from llmfleet.core.scene import Scene, as_it_stands, recorded
from llmfleet.core.template import Frozen
from llmfleet.core.world import Observed, Report, labels

UNKNOWN_COST = 2**31 - 1
"""The deletion cost of a pod that may be the busiest. Source: kubernetes, pkg/apis/core/validation, 32 bits."""


def resize(scene: Scene) -> Iterator[Action]:
    """Size each revision: shrinking ones first, with their victims marked, so that a pass cut short exceeds no bound.

    What may leave was counted without what is about to grow.
    """
    if _is_unannounced(scene):
        return
    fleets = scene.observed.fleets()
    for revision, size in sorted(_sizes(scene).items(), key=lambda step: step[1] >= fleets.get(step[0], 0)):
        if revision not in fleets and not size and scene.desired:
            continue  # it waits: nothing of it is there yet
        if 0 < size < fleets.get(revision, 0):  # where all go there is nothing to choose
            yield from _mark_victims(scene, revision)
        manifest = manifests.fleet(scene.deployment, revision, _frozen(scene, revision), size)
        yield from scene.kept(manifest, f"revision {revision}: {fleets.get(revision, 0)} -> {size} replicas")


def _frozen(scene: Scene, revision: str) -> Frozen:
    if revision == scene.revision:
        return scene.frozen
    live = scene.observed.children[Ref("Deployment", names.revision_name(scene.deployment.name, revision))]
    return recorded(scene.observed, scene.deployment, revision) or as_it_stands(live)


def _is_unannounced(scene: Scene) -> bool:
    """Whether capacity is about to dip and the status does not say so yet: it is said before it is done."""
    path, told = scene.rollout, scene.observed.status.rollout
    if path is None or not path.bounds.unavailable or not any(scene.observed.ready(each) for each in _previous(scene)):
        return False
    return told is None or not told.tells(scene.revision, path.path, path.message)


def _sizes(scene: Scene) -> dict[str, int]:
    """The next size of each revision. While the rollout waits, the one that serves is kept at the wanted size."""
    current, bounds = scene.revision, scene.rollout.bounds if scene.rollout else Bounds()
    previous, served = _previous(scene), scene.observed.status.served_revision
    if scene.rollout and scene.rollout.is_waiting and previous:
        current = served if served in previous else previous[-1]
        previous = [each for each in (*previous, scene.revision) if each != current]
    sides = {each: _side(scene, each) for each in previous}
    sizes = next_sizes(scene.desired, _side(scene, current), sides, bounds, served)
    return {current: sizes.current, **sizes.previous}


def _side(scene: Scene, revision: str) -> Side:
    """One revision's pods. The last good one is never taken for one that has not served, a given up one soon is."""
    observed = scene.observed
    size, ready = observed.fleets().get(revision, 0), observed.ready(revision)
    served = sum(pod.has_served for pod in observed.staying(revision))
    if revision == observed.status.served_revision:
        served = size
    elif revision == scene.wanted != scene.revision:
        served = ready
    return Side(size, ready, served)


def _previous(scene: Scene) -> list[str]:
    """The other revisions that have a Deployment, oldest first."""
    fleets = scene.observed.fleets()
    return [each for each in _by_age(scene.observed) if each != scene.revision and each in fleets]


def _by_age(observed: Observed) -> list[str]:
    """Revisions, oldest first; those without a record are the oldest."""
    numbers = {
        labels(raw).get(names.REVISION_LABEL, ""): int(raw["revision"])
        for raw in observed.of_kind("ControllerRevision")
    }
    return sorted(numbers.keys() | observed.fleets().keys(), key=lambda each: (numbers.get(each, 0), each))


def _mark_victims(scene: Scene, revision: str) -> Iterator[Action]:
    """Say which pods to take first: those with the fewest requests in flight, last those that do not say theirs.

    Pods none of which says it are equal without a mark. One that is not ready goes before all of them anyway.
    """
    ready = [pod for pod in scene.observed.staying(revision) if pod.is_ready]
    loads = [scene.observed.reports.get(pod.uid, Report()).in_flight for pod in ready]
    if all(load is None for load in loads):
        return
    for pod, load in zip(ready, loads, strict=True):
        wanted = {names.DELETION_COST_ANNOTATION: str(_cost(load))}
        if not wanted.items() <= (pod.annotations or {}).items():
            told = "it does not say how many" if load is None else str(load)
            yield Annotate(Ref("Pod", pod.name), pod.uid, wanted, f"requests in flight: {told}")


def _cost(load: int | None) -> int:
    """What it costs to take a pod with so many requests in flight; the API server refuses more than 32 bits."""
    return UNKNOWN_COST if load is None else min(max(load, 0), UNKNOWN_COST - 1)
