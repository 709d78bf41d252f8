"""Policy files: LLMDeployments with ``spec.autoscaling``."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from llmfleet import names
from llmfleet.api.v1alpha1 import Spec
from llmfleet.commands.documents import documents
from llmfleet.core.scaling.decide import Policy
from llmfleet.core.scaling.targets import policy_of


@dataclass(frozen=True)
class Candidate:
    """One policy file."""

    name: str
    policy: Policy


def candidate(path: Path) -> Candidate:
    """The one policy of a file. Raises ValueError with the field, OSError and YAMLError."""
    with path.open(encoding="utf-8") as stream:
        found = [each for each in documents(stream) if isinstance(each, dict)]
    specs = [each.get("spec") or {} for each in found if each.get("kind") == names.KIND]
    if len(specs) != 1:
        raise ValueError(f"{path} must hold one {names.KIND}; it holds {len(specs)}")
    try:
        spec = Spec.model_validate(specs[0])
    except ValidationError as error:
        raise ValueError(f"{path}: {error}") from error
    if spec.autoscaling is None:
        raise ValueError(f"{path} has no spec.autoscaling")
    return Candidate(path.name, policy_of(spec.autoscaling, spec.engine.max_concurrency))
