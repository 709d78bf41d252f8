"""What users read, byte for byte."""

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from llmfleet.core import fleet
from llmfleet.core.fleet import live_document
from llmfleet.core.plan import Outcomes
from llmfleet.core.status import derive
from llmfleet.core.world import Observed
from llmfleet.shell.telemetry import as_members
from tests.builders import (
    DEFAULTS,
    NOW,
    adapter_status,
    children,
    crashed,
    deployment,
    look,
    parsed,
    pod,
    ready,
    record,
    report,
    revision,
    settled,
    unschedulable,
    waiting,
    with_autoscaling,
    with_decision,
    with_spec,
)
from tests.builders import (
    fleet as fleet_of,
)

ONE = deployment()
OLD = deployment(with_spec(engine={"maxModelLen": 512}))
AUTOSCALED = deployment(with_autoscaling(1, 4), with_decision(2))


ADAPTED = deployment(with_spec(lora={"adapters": [{"name": name, "uri": "hf://team/a"} for name in ("sql", "chat")]}))


def adapted() -> Observed:
    """One adapter serves, one cannot."""
    wanted = live_document(parsed(ADAPTED)).adapters
    told = [adapter_status(each, is_broken=each.name == "chat") for each in wanted]
    only = pod(revision(ADAPTED), ready())
    return look(ADAPTED, children(ADAPTED), [only], {only["metadata"]["uid"]: report(adapters=told)})


def rolling(*modifiers) -> Observed:
    pods = [pod(revision(OLD), ready()), pod(revision(ONE), *modifiers)]
    made = [*children(OLD), record(ONE, 2), fleet_of(ONE, 1)]
    return look(ONE, made, pods, {pods[0]["metadata"]["uid"]: report(max_model_len=512, engine_version="0.32.0")})


CASES = {
    "new": look(ONE),
    "settled": settled(ONE),
    "adapted": adapted(),
    "autoscaled": settled(AUTOSCALED, 2),
    "rolling": rolling(),
    "rolling without a GPU": rolling(unschedulable("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")),
    "rolling to a model too large": rolling(crashed("CUDA out of memory", restarts=3)),
    "image missing": look(ONE, children(ONE), [pod(revision(ONE), waiting("ErrImagePull", "not found"))]),
    "paused": settled(deployment(with_spec(paused=True))),
    "invalid": look(deployment(with_spec(replicas=-1)), children(ONE), [pod(revision(ONE), ready())]),
    "record gone": look(ONE, [fleet_of(ONE, 1)], [pod(revision(ONE), ready())]),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_status_of(case: str, snapshot: SnapshotAssertion) -> None:
    observed = CASES[case]
    found = derive(observed, fleet.plan(observed, DEFAULTS, NOW), Outcomes(), NOW)
    told = {key: value for key, value in as_members(found).items() if key != "operatorVersion"}
    assert told == snapshot.use_extension(JSONSnapshotExtension)
