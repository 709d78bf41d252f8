"""An object deleted in the midst of its making leaves nothing (O9), and nothing is made for it any more."""

import pytest

from tests.faults import oracles
from tests.faults.flows import Kill
from tests.faults.rules import WRITES, Call, Delay, Fault
from tests.faults.stage import KILLED, Stage
from tests.integration.operator.operator_process import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.proves("R15")]


def nothing_is_left(stage: Stage, uid: str) -> None:
    stage.until(lambda: not stage.left_over(uid), "nothing is left")
    stage.rest()
    assert stage.left_over(uid) == []
    assert oracles.defects(stage.log()) == []


@pytest.mark.parametrize("kill", [Kill(2, forwarded=True), Kill(5, forwarded=False)], ids=str)
def test_deleted_while_the_operator_is_dead_midway(behind: Stage, kill: Kill) -> None:
    behind.start()
    behind.arm(Fault(WRITES, Call(behind.kill, kill.forwarded), skip=kill.number - 1, times=1))
    behind.fleet.create()
    uid = behind.fleet.get()["metadata"]["uid"]
    eventually(behind.operator.process.poll, lambda code: code == KILLED)
    behind.fleet.kubectl("delete", "llm", behind.fleet.name)
    here = behind.here()
    behind.tend()
    eventually(lambda: behind.operator.is_leading, bool)
    nothing_is_left(behind, uid)
    assert oracles.makes_and_deletes(behind.since(here), {}) == {}


def test_deleted_while_the_operator_is_at_it(behind: Stage) -> None:
    behind.start()
    behind.arm(Fault(WRITES, Delay(0.4)))
    behind.fleet.create()
    uid = behind.fleet.get()["metadata"]["uid"]
    behind.until(lambda: len(oracles.writes(behind.since(0))) >= 2, "the making is under way")
    behind.fleet.kubectl("delete", "llm", behind.fleet.name)
    nothing_is_left(behind, uid)
    assert behind.exits == []
