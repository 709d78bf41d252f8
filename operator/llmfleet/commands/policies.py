"""Policy files: LLMDeployments with ``spec.autoscaling``."""

from dataclasses import dataclass
from pathlib import Path

from llmfleet import names
from llmfleet.api.v1alpha1 import Spec
from llmfleet.commands import judged
from llmfleet.commands.documents import objects, placed
from llmfleet.core.admission import refusals
from llmfleet.core.scaling.timetable import Timetable
from llmfleet.core.usage import gpus_of_replica

ANY_FOLDER = ("/",)
"""Which folders of nodes are allowed, the operator's settings say, and no file."""


@dataclass(frozen=True)
class Candidate:
    """One policy file."""

    name: str
    timetable: Timetable
    gpus: int
    """Of one replica."""


def candidate(path: Path, moment: float) -> Candidate:
    """The one policy of a file, to be followed from a Unix time on.

    ValueError with the field for what the API server or the operator would not take, OSError and YAMLError;
    ClickException where nobody can judge it.
    """
    judge = judged.judge("--policy")
    with path.open(encoding="utf-8") as stream:
        found = [placed(each, "default") for each in objects(stream) if each["kind"] == names.KIND]
    if len(found) != 1:
        raise ValueError(f"{path} must hold one {names.KIND}; it holds {len(found)}")
    try:
        judged.admit(judge, found[0])
        return _sound(Spec.model_validate(found[0]["spec"]), path.name, moment)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def of_spec(spec: Spec, name: str) -> Candidate:
    """The policy of a spec. ValueError when it has none."""
    if spec.autoscaling is None:
        raise ValueError("it has no spec.autoscaling")
    return Candidate(name, Timetable(spec.autoscaling, spec.engine.max_concurrency), gpus_of_replica(spec))


def _sound(spec: Spec, name: str, moment: float) -> Candidate:
    """What the server would take and the operator would not follow, or could make no pod of, is no trial either."""
    for each in refusals(spec, ANY_FOLDER):
        raise ValueError(f"{each.reason}: {each.message}\nNext: correct the file")
    found = of_spec(spec, name)
    if trouble := found.timetable.trouble(moment):
        step = "correct the file; the operator would follow none of these"
        raise ValueError(f"spec.autoscaling.schedules: {trouble}\nNext: {step}")
    return found
