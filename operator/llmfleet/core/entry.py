"""Whether a new revision may be made, and what is known of it by then."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from llmfleet.api.conditions import Reason
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core import inspection, production
from llmfleet.core.admission import refusals
from llmfleet.core.inspection import Inspection
from llmfleet.core.plan import Action, Blocked
from llmfleet.core.prospect import Prospect, contradictions, prospect
from llmfleet.core.scene import recorded
from llmfleet.core.template import Defaults, Frozen, freeze, resolving, serving
from llmfleet.core.world import Observed
from llmfleet_runtime.contract import ENGINES, ModelFacts, measures

PRODUCTS_RECHECK_SECONDS = 60.0
"""What does not fit may on a node that comes, of which nothing tells."""
_BY_PRODUCTS = frozenset((Reason.DOES_NOT_FIT, Reason.QUANTIZATION_UNSUPPORTED))


@dataclass(frozen=True)
class Entry:
    """Blocked, or free to be made as it is known."""

    blocked: tuple[Blocked, ...] = ()
    actions: tuple[Action, ...] = ()
    recheck_after: float | None = None
    prospect: Prospect = field(default_factory=Prospect)
    found: Inspection = field(default_factory=Inspection)

    def freeze(self, deployment: LLMDeployment, revision: str, defaults: Defaults) -> Frozen:
        """The revision, with what was found out."""
        model = inspection.record(deployment, self.found)
        if self.prospect.fit:
            model["fit"] = self.prospect.fit.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        resolved = resolving(deployment, self.prospect.max_model_len, self.found.commit)
        return freeze(resolved, revision, defaults, model)


def enter(observed: Observed, deployment: LLMDeployment, revision: str, defaults: Defaults, now: str) -> Entry:
    """Ask for a revision that has no record yet; ``now`` is RFC 3339."""
    refused = refusals(deployment.spec, defaults.host_path_caches)
    if refused:
        return Entry(refused)
    if production.is_asked(deployment.spec):
        return _with_checkpoint(observed, deployment, revision, defaults, now)
    return _judged(observed, deployment, inspection.inspect(observed, deployment, revision, defaults, now), defaults)


def _with_checkpoint(
    observed: Observed, deployment: LLMDeployment, revision: str, defaults: Defaults, now: str
) -> Entry:
    """What is certain of the source refuses; then its checkpoint is made, and that is judged."""
    if not defaults.quantize_image:
        return Entry((Blocked(Reason.QUANTIZE_IMAGE_MISSING, "the operator's setting quantizeImage is empty"),))
    making = production.making(observed, deployment, revision, now)
    if making is None:
        found = inspection.inspect(observed, deployment, revision, defaults, now)
        blocked = _contradicted(observed, deployment, found.facts, defaults) if found.facts else ()
        if found.blocked or blocked:
            again = PRODUCTS_RECHECK_SECONDS if blocked else found.recheck_after
            return Entry(found.blocked or blocked, found.actions, again)
        making = production.begin(deployment, revision, found, defaults)
    if making.found is None:
        return Entry(making.blocked, making.actions, making.recheck_after)
    return _judged(observed, serving(deployment, making.found.checkpoint), making.found, defaults)


def _judged(observed: Observed, deployment: LLMDeployment, found: Inspection, defaults: Defaults) -> Entry:
    """By the facts, if there are any; ``deployment`` is as its engine shall see it."""
    if found.facts is None:
        return Entry(found.blocked, found.actions, found.recheck_after, found=found)
    learned, is_tried = _learned(observed, deployment, defaults), _is_tried(observed, deployment, defaults)
    expected = prospect(found.facts, deployment.spec, _nodes(observed), learned, is_tried=is_tried)
    blocked = expected.blocked or (() if expected.fit else _still_refused(observed))
    return Entry(blocked, found.actions, PRODUCTS_RECHECK_SECONDS if blocked else None, expected, found)


def _still_refused(observed: Observed) -> tuple[Blocked, ...]:
    """Products that cannot be seen at the moment do not serve what they did not."""
    before = inspection.standing(observed)
    return (before,) if before and before.reason in _BY_PRODUCTS and observed.capacity is None else ()


def is_due(observed: Observed, revision: str, defaults: Defaults, now: str) -> bool:
    """Whether the next step is to judge facts: then the products present are worth reading."""
    deployment = observed.deployment
    if deployment is None or deployment.spec.paused or recorded(observed, deployment, revision):
        return False
    if production.is_asked(deployment.spec):
        making = production.making(observed, deployment, revision, now)
        if making is not None:
            return making.found is not None
    return inspection.inspect(observed, deployment, revision, defaults, now).facts is not None


def _contradicted(
    observed: Observed, deployment: LLMDeployment, facts: ModelFacts, defaults: Defaults
) -> tuple[Blocked, ...]:
    is_tried = _is_tried(observed, deployment, defaults)
    found = contradictions(facts, deployment.spec, _nodes(observed), is_tried=is_tried)
    return found or _still_refused(observed)


def _nodes(observed: Observed) -> list[Mapping[str, str]]:
    return [each.labels for each in observed.capacity.nodes] if observed.capacity else []


def _is_tried(observed: Observed, deployment: LLMDeployment, defaults: Defaults) -> bool:
    """By the version of the engine that ran last; of an own image that never ran, its launcher is the judge."""
    version = _version(observed, deployment, defaults)
    if version is None:
        return deployment.spec.engine.image is None
    return measures.is_verified(ENGINES[deployment.spec.engine.type], version)


def _learned(observed: Observed, deployment: LLMDeployment, defaults: Defaults) -> float | None:
    """The correction of the engine that ran last, while the image stays the same."""
    version, fit = _version(observed, deployment, defaults), observed.status.fit
    if version is None or fit is None:
        return None
    return next((each.percent / 100 for each in fit.learned if each.engine_version == version), None)


def _version(observed: Observed, deployment: LLMDeployment, defaults: Defaults) -> str | None:
    """Of the engine that ran last, where the image is the same."""
    resolved, spec = observed.status.resolved, deployment.spec
    image = spec.engine.image or defaults.image(spec.engine.type, spec.accelerator.type)
    return resolved.engine_version if resolved and resolved.image == image else None
