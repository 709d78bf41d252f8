"""One look at one readable, living deployment: what every rule of the plan is given."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from llmfleet import names
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core import manifests
from llmfleet.core.plan import Action, Apply, Delete, Ref
from llmfleet.core.rollout import Path
from llmfleet.core.template import Defaults, Frozen
from llmfleet.core.world import Observed, Raw


@dataclass(frozen=True)
class Scene:
    """What is, what is wanted, and the revision to run towards."""

    observed: Observed
    deployment: LLMDeployment
    defaults: Defaults
    wanted: str
    """The revision of the current spec."""
    revision: str
    """The revision to run: ``wanted``, or the one to go back to."""
    desired: int
    frozen: Frozen
    """Of the revision to run: as recorded, or as it is about to be."""
    rollout: Path | None

    def kept(self, manifest: manifests.Manifest, why: str) -> Iterator[Action]:
        """Apply an intent unless it stands as it was meant."""
        ref = Ref(manifest["kind"], manifest["metadata"]["name"])
        live = self.observed.children.get(ref)
        if live is None or not manifests.is_current(manifest, live):
            yield Apply(ref, manifest, live["metadata"]["resourceVersion"] if live else "", why)


Rule = Callable[[Scene], Iterator[Action]]


def recorded(observed: Observed, deployment: LLMDeployment, revision: str) -> Frozen | None:
    """A revision as it was frozen; None when there is no record of it."""
    raw = observed.children.get(Ref("ControllerRevision", names.revision_name(deployment.name, revision)))
    return manifests.frozen_of(raw) if raw else None


def as_it_stands(live: Raw) -> Frozen:
    """A revision without a record, read out of its Deployment: enough to change its size and nothing else."""
    seconds = int(live["spec"].get("progressDeadlineSeconds", 0)) - manifests.PROGRESS_MARGIN_SECONDS
    return Frozen(live["spec"]["template"], json.dumps({"startupTimeoutSeconds": seconds}), image="", generation=0)


def deletion(raw: Raw, why: str) -> Delete:
    """Delete exactly this object."""
    return Delete(Ref(raw["kind"], raw["metadata"]["name"]), raw["metadata"]["uid"], why)
