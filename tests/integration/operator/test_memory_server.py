"""An operator that the kernel kills for memory, again and again, in the midst of a rollout."""

import time

import pytest

from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster
LIVES_SECONDS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
"""From before it leads until after its first writes; the kernel sends SIGKILL at any of them."""


def sizes_while_serving(fleet: Fleet) -> dict[str, int]:
    """Of the Deployments, by name; both replicas are ready at every look."""
    assert fleet.ready_pods() >= 2
    return fleet.sizes()


@pytest.mark.proves("F3", "R59")
def test_a_loop_of_kills_hurts_no_serving_pod_and_the_first_long_life_ends_the_rollout(
    start: Start, fleet: Fleet
) -> None:
    first = start()
    fleet.create()
    fleet.await_condition("Ready")
    first.kill()
    (old,) = fleet.sizes()
    fleet.edit(engine={"maxModelLen": 512})
    for life in LIVES_SECONDS:
        operator, end = start(until_leading=False), time.monotonic() + life  # by one name, as in one pod
        while time.monotonic() < end:
            sizes_while_serving(fleet)
        operator.kill()
    start()
    eventually(lambda: sizes_while_serving(fleet), lambda sizes: old not in sizes and list(sizes.values()) == [2])
    fleet.await_condition("Ready")
    assert len(fleet.list("controllerrevisions")) == 2
