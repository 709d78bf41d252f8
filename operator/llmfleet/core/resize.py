"""The rule that sizes each revision: a step of the rollout, or plain growing and shrinking."""

from collections.abc import Iterator

from llmfleet import names
from llmfleet.api.status import RolloutPath
from llmfleet.core import manifests
from llmfleet.core.plan import Action, Annotate, Ref
from llmfleet.core.rollout import Bounds, Side, Sizes, next_sizes
from llmfleet.core.scene import Scene, recorded
from llmfleet.core.world import Observed, labels


def resize(scene: Scene) -> Iterator[Action]:
    """Size each revision: shrinking ones first, with their victims marked, so that a pass cut short exceeds no bound.

    What may leave was counted without what is about to grow.
    """
    if _is_unannounced(scene):
        return
    sizes, fleets = _sizes(scene), scene.observed.fleets()
    steps = [(scene.revision, sizes.current), *sizes.previous.items()]
    for revision, size in sorted(steps, key=lambda step: step[1] >= fleets.get(step[0], 0)):
        frozen = scene.frozen if revision == scene.revision else recorded(scene.observed, scene.deployment, revision)
        if frozen is None:
            continue  # its template is gone: left untouched
        if revision not in fleets and not size and scene.desired:
            continue  # it waits: nothing of it is there yet
        if size < fleets.get(revision, 0):
            yield from _mark_victims(scene, revision)
        manifest = manifests.fleet(scene.deployment, revision, frozen, size)
        yield from scene.kept(manifest, f"revision {revision}: {fleets.get(revision, 0)} -> {size} replicas")


def _is_unannounced(scene: Scene) -> bool:
    """Whether capacity is about to dip and the status does not say so yet: it is said before it is done."""
    if scene.rollout is None or scene.rollout.path is not RolloutPath.IN_PLACE:
        return False
    told = scene.observed.status.rollout
    is_told = told is not None and (told.revision, told.path) == (scene.revision, RolloutPath.IN_PLACE)
    return not is_told and any(scene.observed.ready(each) for each in _previous(scene))


def _sizes(scene: Scene) -> Sizes:
    observed, fleets = scene.observed, scene.observed.fleets()

    def side(revision: str) -> Side:
        staying = observed.staying(revision)
        return Side(fleets.get(revision, 0), observed.ready(revision), sum(pod.has_served for pod in staying))

    bounds = scene.rollout.bounds if scene.rollout else Bounds()
    previous = {each: side(each) for each in _previous(scene)}
    return next_sizes(scene.desired, side(scene.revision), previous, bounds)


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
    """Say which pods to take first: those with the fewest requests in flight."""
    for pod in scene.observed.staying(revision):
        report = scene.observed.reports.get(pod.uid)
        if not pod.is_ready or report is None or report.in_flight is None:
            continue
        wanted = {names.DELETION_COST_ANNOTATION: str(report.in_flight)}
        if not wanted.items() <= (pod.annotations or {}).items():
            yield Annotate(Ref("Pod", pod.name), wanted, f"{report.in_flight} requests in flight")
