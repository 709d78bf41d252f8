"""Killed at any write, the operator ends where an undisturbed run ends, by the same creates and deletes."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from e2e.cluster import Cluster
from tests.faults import oracles
from tests.faults.flows import FLOWS, SAMPLE, Flow, Kill, Run, Verdicts, at_every_write, run, verdicts
from tests.faults.stage import stage

pytestmark = [pytest.mark.cluster, pytest.mark.proves("R05", "F1", "F2")]
Undisturbed = Callable[[Flow], Run]
Judge = Callable[[Flow, Iterable[Kill]], Verdicts]


@pytest.fixture
def judge(cluster: Cluster, pki: Path, tmp_path: Path, undisturbed: Undisturbed) -> Judge:
    """What is wrong with each killed run."""

    def wrong(expected: Run, flow: Flow, kill: Kill) -> str:
        try:
            with stage(cluster, pki, tmp_path) as made:
                found = run(made, flow, kill)
        except AssertionError as error:
            return str(error)
        state = oracles.differences(expected.state, found.state)
        return "\n".join(state + oracles.differences(dict(expected.counts), dict(found.counts)))

    def judged(flow: Flow, kills: Iterable[Kill]) -> Verdicts:
        expected = undisturbed(flow)
        return verdicts(kills, lambda kill: wrong(expected, flow, kill))

    return judged


@pytest.mark.parametrize("flow", SAMPLE, ids=str)
def test_killed_after_its_first_write_and_before_a_middle_one(
    flow: Flow, undisturbed: Undisturbed, judge: Judge
) -> None:
    middle = max(1, len(undisturbed(flow).writes) // 2)
    assert judge(flow, [Kill(1, forwarded=True), Kill(middle, forwarded=False)]) == Verdicts({}, killed=2)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_killed_after_and_before_every_write(
    flow: Flow, undisturbed: Undisturbed, judge: Judge, say: Callable[[str], None]
) -> None:
    kills = at_every_write(undisturbed(flow))
    found = judge(flow, kills)
    assert found.wrong == {}
    say(f"{flow}: killed {found.killed} times, after and before each of its {len(kills) // 2} writes")
