"""Bursts that came lately, and how many replicas are kept for them."""

import pytest

from llmfleet.core.scaling.bursts import late, replayed
from llmfleet.core.scaling.objective import Objective, Objectives
from tests.unit.operator.test_forecast import flows


def test_what_would_have_waited_too_long_is_counted_by_a_fluid_queue() -> None:
    rates = [10.0] * 20 + [50.0] * 2 + [10.0] * 20
    assert late(flows(*rates), 60.0, 1.0) == 0.0
    assert late(flows(*rates), 30.0, 1.0) == pytest.approx(600 / 2500)
    assert late(flows(*rates), 30.0, 100.0) == 0.0
    assert late([], 1.0, 1.0) == 0.0


OBJECTIVES = Objectives(Objective(0.95, 2.0), Objective(0.95, 0.1))


@pytest.mark.parametrize(
    ("rates", "replicas"),
    [
        ([10.0] * 40, 2),
        ([10.0] * 40 + [30.0] * 2, 6),
        ([10.0] * 40 + [60.0] * 2, 10),
        ([10.0] * 40 + [15.0], 2),
        ([10.0] * 200 + [60.0], 2),
        ([0.1] * 200 + [60.0], 2),
        ([], 2),
    ],
)
def test_bursts_are_provided_for_up_to_four_times_the_mean_where_more_than_a_twentieth_would_be_late(
    rates: list[float], replicas: int
) -> None:
    assert replayed(OBJECTIVES, flows(*rates), 5.0, 2) == replicas
