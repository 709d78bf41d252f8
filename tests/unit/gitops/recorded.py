"""LLMDeployments as the operator leaves them: the status is derived, never typed, so that it cannot drift."""

from llmfleet.api.conditions import Reason
from llmfleet.core import fleet
from llmfleet.core.plan import Apply, Outcome, Outcomes, Ref
from llmfleet.core.status import derive
from llmfleet.core.world import Observed
from llmfleet.shell.telemetry import as_members
from tests.builders import (
    DEFAULTS,
    NOW,
    Raw,
    children,
    crashed,
    deployment,
    look,
    merged,
    pod,
    ready,
    record,
    revision,
    settled,
    starting,
    unschedulable,
    waiting,
    with_autoscaling,
    with_decision,
    with_metadata,
    with_spec,
    with_status,
)
from tests.builders import (
    fleet as fleet_of,
)

ONE = deployment()
TWO = deployment(with_spec(replicas=2))
ZERO = deployment(with_spec(replicas=0))
PAUSED = deployment(with_spec(paused=True))
OLD = deployment(with_spec(engine={"maxModelLen": 512}))
NO_GPU = unschedulable("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")
REFUSAL = Outcomes((Outcome(Apply(Ref("Service", "qwen"), {}, "", ""), Reason.NAME_TAKEN, "not ours"),))


def recorded(observed: Observed, outcomes: Outcomes | None = None) -> Raw:
    """The object after one pass of the operator over what was observed."""
    found = derive(observed, fleet.plan(observed, DEFAULTS, NOW), outcomes or Outcomes(), NOW)
    return {**observed.raw, "status": dict(as_members(found))}


def standing(raw: Raw, *modifiers, size: int = 1) -> Observed:
    """A fleet of that size with one pod."""
    return look(raw, children(raw, size), [pod(revision(raw), *modifiers)])


def rolling(*modifiers) -> Observed:
    """The old revision serves; a pod of the new one is beside it."""
    pods = [pod(revision(OLD), ready()), pod(revision(ONE), *modifiers)]
    return look(ONE, [*children(OLD), record(ONE, 2), fleet_of(ONE, 1)], pods)


def given_up(*pods: Raw) -> Observed:
    """The present revision made no progress; the one before it stands in."""
    told = [{"name": revision(ONE), "role": "GivenUp"}]
    raw = deployment(with_status(servedRevision=revision(OLD), revisions=told))
    return look(raw, [*children(OLD), record(ONE, 2)], pods)


def born() -> Raw:
    """As the API server stores a new object: the status is the schema's default."""
    return {**ONE, "status": {"observedGeneration": -1}}


def edited(raw: Raw) -> Raw:
    """Edited since the operator last looked, as it stands while the operator is down."""
    changed = deployment(with_metadata(generation=raw["metadata"]["generation"] + 1), with_spec(**raw["spec"]))
    return merged(changed, {"spec": {"replicas": 3}, "status": raw["status"]})


OBJECTS = {
    "new": born(),
    "accepted": recorded(look(ONE)),
    "first pod starts": recorded(standing(ONE, starting())),
    "waits for a GPU": recorded(standing(ONE, NO_GPU)),
    "ready": recorded(settled(ONE)),
    "ready by autoscaling": recorded(settled(deployment(with_autoscaling(1, 4), with_decision(2)), 2)),
    "scales up": recorded(standing(TWO, ready(), size=2)),
    "rolls": recorded(rolling(starting())),
    "rolls and waits for a GPU": recorded(rolling(NO_GPU)),
    "rolls to a model too large": recorded(rolling(crashed("CUDA out of memory", restarts=3))),
    "goes back": recorded(given_up(pod(revision(OLD), starting()))),
    "rolled back": recorded(given_up(pod(revision(OLD), ready()))),
    "image missing": recorded(standing(ONE, waiting("ErrImagePull", "not found"))),
    "stored spec invalid": recorded(look(deployment(with_spec(replicas=-1)), children(ONE))),
    "name taken": recorded(settled(ONE), REFUSAL),
    "at zero": recorded(look(ZERO, children(ZERO, 0))),
    "on the way to zero": recorded(standing(ZERO, ready(), size=0)),
    "paused and complete": recorded(settled(PAUSED)),
    "paused and short": recorded(look(PAUSED)),
    "edited, operator down": edited(recorded(settled(ONE))),
    "edited while stalled, operator down": edited(recorded(standing(ONE, waiting("ErrImagePull", "not found")))),
    "edited while paused, operator down": edited(recorded(settled(PAUSED))),
    "deleted": merged(recorded(settled(ONE)), {"metadata": {"deletionTimestamp": NOW}}),
}
"""By the state that each shows."""
