"""An object deleted in the midst of anything leaves nothing (O9), and nothing is made for it any more."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from e2e.cluster import Cluster
from tests.faults import oracles
from tests.faults.flows import (
    CREATE,
    EDIT,
    Flow,
    Kill,
    Run,
    Verdicts,
    at_every_write,
    begin,
    delete,
    die_midway,
    lead_again,
    verdicts,
)
from tests.faults.rules import WRITES, Delay, Fault
from tests.faults.stage import Stage, stage

pytestmark = [pytest.mark.cluster, pytest.mark.proves("R15")]
Judge = Callable[[Flow, Iterable[Kill]], Verdicts]


@pytest.mark.parametrize("cascade", ["background", "foreground"])
def test_a_deletion_at_rest_takes_no_write_at_which_the_operator_could_die(serving: Stage, cascade: str) -> None:
    here = serving.here()
    leaves_nothing(serving, delete(serving, cascade))
    assert [str(each.request) for each in oracles.writes(serving.since(here))] == []
    assert serving.exits == []


def leaves_nothing(stage: Stage, uid: str) -> None:
    """Nor is anything made for it once it is gone."""
    stage.rest()
    assert stage.left_over(uid) == []
    assert oracles.defects(stage.log()) + stage.floor.losses() == []


@pytest.fixture
def judge(cluster: Cluster, pki: Path, tmp_path: Path) -> Judge:
    """What is wrong where the object is deleted while the operator is dead midway; empty when all is well."""

    def wrong(flow: Flow, kill: Kill) -> str:
        try:
            with stage(cluster, pki, tmp_path) as made:
                begin(made, flow)
                die_midway(made, flow, kill)
                here = made.here()
                uid = delete(made)
                lead_again(made)
                leaves_nothing(made, uid)
                return "\n".join(oracles.makes_and_deletes(made.since(here), {}))
        except AssertionError as error:
            return str(error)

    return lambda flow, kills: verdicts(kills, lambda kill: wrong(flow, kill))


@pytest.mark.proves("R05", "F1", "F2")
@pytest.mark.parametrize("flow", [CREATE, EDIT], ids=str)
def test_deleted_while_the_operator_is_dead_midway(flow: Flow, judge: Judge) -> None:
    assert judge(flow, [Kill(2, forwarded=True), Kill(5, forwarded=False)]) == Verdicts({}, killed=2)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.proves("R05", "F1", "F2")
@pytest.mark.parametrize("flow", [CREATE, EDIT], ids=str)
def test_deleted_while_the_operator_is_dead_after_and_before_every_write(
    flow: Flow, undisturbed: Callable[[Flow], Run], judge: Judge, say: Callable[[str], None]
) -> None:
    kills = at_every_write(undisturbed(flow))
    found = judge(flow, kills)
    assert found.wrong == {}
    say(f"{flow}, then deleted: killed {found.killed} times, after and before each of its {len(kills) // 2} writes")


def test_deleted_while_the_operator_is_at_it(behind: Stage) -> None:
    behind.start()
    behind.arm(Fault(WRITES, Delay(0.4)))
    behind.fleet.create()
    behind.until(lambda: len(oracles.writes(behind.since(0))) >= 2, "the making is under way")
    leaves_nothing(behind, delete(behind))
    assert behind.exits == []
