"""How many replicas are wanted."""

import pytest

from llmfleet.core.size import current_size, desired_size
from tests.builders import NOW, deployment, fleet, look, parsed, with_autoscaling, with_decision, with_spec, with_status

BOUNDS = with_autoscaling(2, 5)


@pytest.mark.proves("R48")
@pytest.mark.parametrize(
    ("modifiers", "present", "expected"),
    [
        pytest.param([], None, 1, id="one at creation"),
        pytest.param([], 3, 3, id="the present size where the spec says nothing"),
        pytest.param([with_status(desiredReplicas=2)], 3, 2, id="the recorded size during a rollout"),
        pytest.param([with_status(desiredReplicas=2)], None, 1, id="a record without a fleet counts for nothing"),
        pytest.param([with_spec(replicas=4)], 1, 4, id="the spec"),
        pytest.param([with_spec(replicas=0)], 2, 0, id="zero by the spec"),
        pytest.param([BOUNDS], None, 2, id="the minimum before any decision"),
        pytest.param([BOUNDS], 4, 4, id="the present size before any decision"),
        pytest.param([BOUNDS, with_decision(3)], 2, 3, id="the decision"),
        pytest.param([BOUNDS, with_decision(9)], 2, 5, id="the decision within the maximum"),
        pytest.param([BOUNDS, with_decision(1)], 3, 2, id="the decision within the minimum"),
        pytest.param([BOUNDS, with_decision(3), with_spec(replicas=1)], 2, 3, id="replicas is ignored then"),
        pytest.param([with_decision(5), with_status(desiredReplicas=5)], 5, 5, id="autoscaling gone keeps the size"),
        pytest.param([with_decision(5), with_spec(replicas=2)], 5, 2, id="replicas counts once autoscaling is gone"),
    ],
)  # fmt: skip
def test_desired_size(modifiers: list, present: int | None, expected: int) -> None:
    raw = deployment(*modifiers)
    observed = look(raw, [] if present is None else [fleet(raw, present)])
    assert desired_size(observed, parsed(raw), NOW) == expected


def test_two_revisions_without_a_record_are_the_larger_one_and_not_their_sum() -> None:
    raw = deployment()
    old = fleet(deployment(with_spec(engine={"maxModelLen": 512})), 3)
    assert current_size(look(raw, [fleet(raw, 1), old])) == 3
