"""What users do to a fleet, one row each, and one run of a row: undisturbed, or killed at one write."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from llmfleet_runtime.contract import Findings
from tests.faults import oracles
from tests.faults.rules import WRITES, Call, Fault
from tests.faults.stage import KILLED, Stage, is_ready, is_rolled_back
from tests.inspectors import lay_ready
from tests.integration.operator.operator_process import eventually
from tests.integration.operator.test_production_server import PRODUCED, SOURCE, result
from tests.unit.operator.fit.models import public

SIDE_BY_SIDE = 4
"""Runs at a time: each is mostly waiting."""


@dataclass(frozen=True)
class Flow:
    """From one state at rest to another."""

    name: str
    act: Callable[[Stage], None]
    before: Callable[[Stage], None] | None = None
    """Brings the fleet to where the flow begins."""
    reached: Callable[[Stage], bool] = is_ready
    """Whether the flow's end is reached; the present spec was seen by then."""
    floor: int = 2
    """Ready pods that never become fewer once they are there."""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Kill:
    """SIGKILL at the flow's write of this number, from 1: once the server has answered it, or before it is sent."""

    number: int
    forwarded: bool

    def __str__(self) -> str:
        return f"{'after' if self.forwarded else 'before'} write {self.number}"


class Absent(Exception):
    """The run ended without a write of the kill's number: what becomes news together is told by one write."""


@dataclass(frozen=True)
class Verdicts:
    """Of the killed runs of a flow."""

    wrong: dict[str, str]
    """What is wrong with each that is not well, by its kill."""
    killed: int
    """Runs whose kill has struck; in the others its write was absent."""


@dataclass(frozen=True)
class Run:
    """What a run came to."""

    state: oracles.State
    counts: oracles.Counts
    writes: tuple[str, ...]
    """What was written by the flow, in order."""


def create(**spec: Any) -> Callable[[Stage], None]:
    """The user makes the object."""
    return lambda stage: stage.fleet.create(**spec)


def create_inspected(stage: Stage) -> None:
    """The user makes an object whose model is inspected before its pods are made, by a Job that finds it well."""
    lay_ready(stage.fleet, Findings(facts=public("meta-llama/Llama-3.1-8B"), commit="c0ffee"))
    stage.fleet.create(model={"uri": "hf://org/small"}, accelerator={"products": ["NVIDIA-H100-80GB-HBM3"]})


def create_produced(stage: Stage) -> None:
    """The user makes an object whose model is inspected, and whose checkpoint is made of it, each by a Job."""
    stage.share("models")
    lay_ready(stage.fleet, SOURCE, result())
    stage.fleet.create(**PRODUCED)


def edit(**spec: Any) -> Callable[[Stage], None]:
    """The user changes the spec."""
    return lambda stage: stage.fleet.edit(**spec)


def delete(stage: Stage, cascade: str = "background") -> str:
    """The user deletes the object, and all that was its own goes too; its UID."""
    uid = str(stage.fleet.get()["metadata"]["uid"])
    stage.floor.lift()
    stage.fleet.kubectl("delete", "llm", stage.fleet.name, f"--cascade={cascade}")
    stage.until(lambda: not stage.left_over(uid), "nothing is left")
    return uid


def bear_again(stage: Stage) -> None:
    """The user deletes the object and makes it anew under its name."""
    delete(stage)
    stage.born_again()
    stage.fleet.create()
    stage.floor.hold(2)


UNPLACED = {"schedulerName": "nobody"}
"""Its pods are made and never start, and it is not for lack of room."""
IMPATIENT = {"rollout": {"progressDeadlineSeconds": 10}}
INSPECT = Flow("inspect", create_inspected)
PRODUCE = Flow("produce", create_produced)
CREATE = Flow("create", create())
EDIT = Flow("edit", edit(engine={"maxModelLen": 512}), create())
SHRINK = Flow("shrink", edit(replicas=1), create(replicas=3), floor=1)
ROLLBACK = Flow("rollback", edit(pod=UNPLACED), create(**IMPATIENT), is_rolled_back)
FLOWS = (
    INSPECT,
    PRODUCE,
    CREATE,
    EDIT,
    SHRINK,
    ROLLBACK,
    Flow("grow", edit(replicas=3), create(replicas=1), floor=3),
    Flow("drain time", edit(lifecycle={"drainTimeoutSeconds": 5}), create()),
    Flow("born again", bear_again, create()),
)
SAMPLE = (INSPECT, PRODUCE, CREATE, EDIT, SHRINK, ROLLBACK)
"""They stand for the others where time is short."""


def begin(stage: Stage, flow: Flow) -> int:
    """Bring a fresh stage to where the flow begins and hold its floor; where the record of exchanges ends then."""
    stage.start()
    if flow.before:
        flow.before(stage)
        stage.settle()
    stage.floor.hold(flow.floor)
    return stage.here()


def die_midway(stage: Stage, flow: Flow, kill: Kill) -> None:
    """The flow, in whose course the operator dies. Absent where the flow has come to its end before."""
    begun = stage.here()
    fault = Fault(WRITES, Call(stage.kill, kill.forwarded), skip=kill.number - 1, times=1)
    stage.arm(fault)
    flow.act(stage)
    # Nobody tends it meanwhile: else it might be alive again when we look.
    process = stage.operator.process
    eventually(lambda: (str(kill), process.poll()), lambda seen: seen[1] == KILLED or stage.has_settled(flow.reached))
    written = len(oracles.writes(stage.since(begun)))
    if not stage.proxy.struck(fault) and written < kill.number:
        raise Absent(f"{kill}: {written} writes")
    assert stage.proxy.struck(fault)
    assert process.wait(10) == KILLED


def lead_again(stage: Stage) -> None:
    """Start the dead operator, as the kubelet does, and wait until it leads."""
    stage.tend()
    eventually(lambda: stage.operator.is_leading, bool)


def run(stage: Stage, flow: Flow, kill: Kill | None = None) -> Run:
    """One run on a fresh stage. AssertionError when it never ends, shows a defect, or the kill never fires."""
    begun = begin(stage, flow)
    if kill:
        die_midway(stage, flow, kill)
        lead_again(stage)
    else:
        flow.act(stage)
    stage.settle(flow.reached)
    wrong = oracles.defects(stage.log()) + stage.floor.losses()
    assert stage.exits == ([KILLED] if kill else []), f"the operator ended: {stage.exits}"
    assert not wrong, "\n".join(wrong)
    exchanges, objects = stage.since(0), stage.objects()
    revisions = oracles.seen_revisions(exchanges)
    return Run(
        oracles.end_state(objects, revisions),
        oracles.makes_and_deletes(exchanges, revisions),
        tuple(str(each.request) for each in oracles.writes(stage.since(begun))),
    )


def at_every_write(undisturbed: Run) -> list[Kill]:
    """After and before each write of a flow. AssertionError where it writes nothing."""
    numbers = range(1, len(undisturbed.writes) + 1)
    assert numbers
    return [Kill(number, forwarded) for number in numbers for forwarded in (True, False)]


def verdicts(kills: Iterable[Kill], wrong: Callable[[Kill], str]) -> Verdicts:
    """Of runs side by side; ``wrong`` says what is wrong with one, empty when all is well, or raises Absent."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = {str(kill): pool.submit(wrong, kill) for kill in kills}
    struck = {kill: run.result() for kill, run in found.items() if not isinstance(run.exception(), Absent)}
    return Verdicts({kill: words for kill, words in struck.items() if words}, len(struck))
