"""Whether a new revision may be made, and what is known of it by then."""

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

PRODUCTS_RECHECK_SECONDS = 60.0
"""What does not fit may on a node that comes, of which nothing tells."""


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
        blocked = found.blocked or (contradictions(found.facts, deployment.spec) if found.facts else ())
        if blocked:
            return Entry(blocked, found.actions, found.recheck_after)
        making = production.begin(deployment, revision, found, defaults)
    if making.found is None:
        return Entry(making.blocked, making.actions, making.recheck_after)
    return _judged(observed, serving(deployment, making.found.checkpoint), making.found, defaults)


def _judged(observed: Observed, deployment: LLMDeployment, found: Inspection, defaults: Defaults) -> Entry:
    """By the facts, if there are any; ``deployment`` is as its engine shall see it."""
    if found.facts is None:
        return Entry(found.blocked, found.actions, found.recheck_after, found=found)
    nodes = [each.labels for each in observed.capacity.nodes] if observed.capacity else []
    expected = prospect(found.facts, deployment.spec, nodes, _learned(observed, deployment, defaults))
    blocked = expected.blocked or _still_refused(observed, expected)
    return Entry(blocked, found.actions, PRODUCTS_RECHECK_SECONDS if blocked else None, expected, found)


def _still_refused(observed: Observed, expected: Prospect) -> tuple[Blocked, ...]:
    """Products that cannot be seen at the moment do not make a model fit that did not."""
    before = inspection.standing(observed)
    is_unknown = expected.fit is None and observed.capacity is None
    return (before,) if before and before.reason is Reason.DOES_NOT_FIT and is_unknown else ()


def is_due(observed: Observed, revision: str, defaults: Defaults, now: str) -> bool:
    """Whether the next step is to judge facts: then the products present are worth reading."""
    deployment = observed.deployment
    if deployment is None or deployment.spec.paused or recorded(observed, deployment, revision):
        return False
    if production.is_asked(deployment.spec):
        making = production.making(observed, deployment, revision, now)
        return making is not None and making.found is not None
    return inspection.inspect(observed, deployment, revision, defaults, now).facts is not None


def _learned(observed: Observed, deployment: LLMDeployment, defaults: Defaults) -> float | None:
    """The correction of the engine that ran last, while the image stays the same."""
    resolved, fit, spec = observed.status.resolved, observed.status.fit, deployment.spec
    image = spec.engine.image or defaults.image(spec.engine.type, spec.accelerator.type)
    if resolved is None or fit is None or resolved.image != image:
        return None
    found = (each.percent / 100 for each in fit.learned if each.engine_version == resolved.engine_version)
    return next(found, None)
