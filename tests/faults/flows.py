"""What users do to a fleet, one row each, and one run of a row: undisturbed, or killed at one write."""

from collections.abc import Callable
from dataclasses import dataclass

from llmfleet_runtime.contract import Findings
from tests.faults import oracles
from tests.faults.rules import WRITES, Call, Fault
from tests.faults.stage import KILLED, Stage, is_ready
from tests.inspectors import lay_ready
from tests.integration.operator.fleet import Fleet
from tests.unit.operator.fit.models import public

SIDE_BY_SIDE = 4
"""Runs at a time: each is mostly waiting."""


@dataclass(frozen=True)
class Flow:
    """From one state at rest to another."""

    name: str
    act: Callable[[Fleet], None]
    before: Callable[[Fleet], None] | None = None
    """Brings the fleet to where the flow begins."""
    reached: Callable[[Stage], bool] = is_ready
    """Whether the flow's end is reached; the present spec was seen by then."""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Kill:
    """SIGKILL at the flow's write of this number, from 1: once the server has answered it, or before it is sent."""

    number: int
    forwarded: bool

    def __str__(self) -> str:
        return f"{'after' if self.forwarded else 'before'} write {self.number}"


@dataclass(frozen=True)
class Run:
    """What a run came to."""

    state: oracles.State
    counts: oracles.Counts
    writes: tuple[str, ...]
    """What was written by the flow, in order."""


def _new_model(fleet: Fleet) -> None:
    """One that is inspected before its pods are made, by a Job that finds it well."""
    lay_ready(fleet, Findings(facts=public("meta-llama/Llama-3.1-8B"), commit="c0ffee"))
    fleet.create(model={"uri": "hf://org/small"}, accelerator={"products": ["NVIDIA-H100-80GB-HBM3"]})


FLOWS = (
    Flow("new model", _new_model),
    Flow("create", lambda fleet: fleet.create()),
    Flow("edit", lambda fleet: fleet.edit(engine={"maxModelLen": 512}), lambda fleet: fleet.create()),
    Flow("shrink", lambda fleet: fleet.edit(replicas=1), lambda fleet: fleet.create(replicas=3)),
    Flow("grow", lambda fleet: fleet.edit(replicas=3), lambda fleet: fleet.create(replicas=1)),
    Flow("drain time", lambda fleet: fleet.edit(lifecycle={"drainTimeoutSeconds": 5}), lambda fleet: fleet.create()),
)
"""The first four stand for the others where time is short."""


def run(stage: Stage, flow: Flow, kill: Kill | None = None) -> Run:
    """One run on a fresh stage. AssertionError when it never ends, shows a defect, or the kill never fires."""
    stage.start()
    if flow.before:
        flow.before(stage.fleet)
        stage.settle()
    begun = stage.here()
    fault = None
    if kill:
        fault = Fault(WRITES, Call(stage.kill, kill.forwarded), skip=kill.number - 1, times=1)
        stage.arm(fault)
    flow.act(stage.fleet)
    if fault:
        stage.until(lambda: stage.proxy.struck(fault), f"the kill {kill} fires")
        stage.until(lambda: stage.exits == [KILLED], "the operator is dead")
    stage.settle(flow.reached)
    wrong = oracles.defects(stage.log())
    assert stage.exits == ([KILLED] if kill else []), f"the operator ended: {stage.exits}"
    assert not wrong, "\n".join(wrong)
    exchanges, objects = stage.since(0), stage.objects()
    revisions = oracles.seen_revisions(exchanges)
    return Run(
        oracles.end_state(objects, revisions),
        oracles.makes_and_deletes(exchanges, revisions),
        tuple(str(each.request) for each in oracles.writes(stage.since(begun))),
    )
