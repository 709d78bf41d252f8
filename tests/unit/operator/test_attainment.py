"""What was kept of what was promised."""

import pytest

from llmfleet.core.scaling.attainment import Attainment, attainment
from llmfleet.core.scaling.flow import Flow, Spread
from llmfleet.core.scaling.objective import Objective, Objectives

FIRST, OUTPUT = Objective(0.95, 2.0), Objective(0.9, 0.1)
BOTH = Objectives(FIRST, OUTPUT)


def flow(first: Spread, output: Spread) -> Flow:
    numbers = dict.fromkeys(("arrivals", "requests", "prompted", "tokens", "in_flight"), 1.0)
    return Flow(10.0, 2.0, 1, 1, 0, **numbers, kv_per_request=None, first_token=first, request_token=output)


SEEN = flow(Spread(9.0, 10.0, (1.0, 2.0, 4.0), (3.0, 8.0, 10.0)), Spread(0.5, 5.0, (0.1, 0.2), (5.0, 5.0)))


UNTOLD = [Attainment("TimeToFirstToken", FIRST)]
HALF, LAST = Objective(0.5, 3.0), Objective(0.5, 9.0)


@pytest.mark.parametrize(
    ("objectives", "seen", "expected"),
    [
        pytest.param(None, SEEN, [], id="nothing promised"),
        pytest.param(
            BOTH,
            SEEN,
            [Attainment("TimeToFirstToken", FIRST, 10.0, 8.0), Attainment("TimePerOutputToken", OUTPUT, 5.0, 5.0)],
            id="both",
        ),
        pytest.param(Objectives(FIRST), SEEN, [Attainment("TimeToFirstToken", FIRST, 10.0, 8.0)], id="one"),
        pytest.param(Objectives(FIRST), None, UNTOLD, id="nothing told"),
        pytest.param(
            Objectives(FIRST),
            flow(Spread(9.0, 10.0), Spread()),
            UNTOLD,
            id="no buckets",
        ),
        pytest.param(Objectives(HALF), SEEN, [Attainment("TimeToFirstToken", HALF, 10.0, 9.0)], id="inside"),
        pytest.param(Objectives(LAST), SEEN, [Attainment("TimeToFirstToken", LAST, 10.0, 10.0)], id="beyond"),
        pytest.param(Objectives(kv_cache_usage=0.5), SEEN, [], id="no latency"),
    ],
)
def test_requests_within_the_promise_are_counted(
    objectives: Objectives | None, seen: Flow | None, expected: list[Attainment]
) -> None:
    assert list(attainment(objectives, seen)) == expected
