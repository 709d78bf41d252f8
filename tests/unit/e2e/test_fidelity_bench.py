"""The fit of a replica's model on numbers worked out by hand, and what it foretells."""

import pytest

from e2e.bench.fidelity.command import FORETOLD, SECONDS, compared, judged, trace
from e2e.bench.fidelity.engine import Felt
from e2e.bench.fidelity.fitted import Fitted, fitted, line, medians, predicted
from llmfleet.core.simulation.profile import Profile
from llmfleet.core.simulation.request import Arrival

MODEL = Fitted(Profile(0.01, 0.001, 0.0, 1000, 100_000, 16, 512), 0.005)


def test_a_straight_line_is_found() -> None:
    assert line([(1, 5.0), (2, 7.0), (4, 11.0)]) == pytest.approx((3.0, 2.0))


def test_the_profile_is_that_of_the_paces_and_prompts() -> None:
    found = fitted([(1, 0.011), (4, 0.014), (16, 0.026)], [(100, 0.115), (1000, 1.015)], 16)
    assert found.profile.step_seconds == pytest.approx(0.01)
    assert found.profile.sequence_seconds == pytest.approx(0.001)
    assert found.profile.prefill_rate == pytest.approx(1000)
    assert found.served_seconds == pytest.approx(0.005)


def test_noise_makes_no_number_that_cannot_be() -> None:
    found = fitted([(1, 0.010), (4, 0.009)], [(100, 0.2), (1000, 0.1)], 16)
    assert found.profile.sequence_seconds == 0
    assert found.profile.prefill_rate > 0
    assert found.served_seconds >= 0


def test_one_request_feels_its_prompt_a_step_and_the_server() -> None:
    ((first, per_token),), tokens = predicted(MODEL, [Arrival(1.0, 100, 11)])
    assert first == pytest.approx(0.1 + 0.01 + 0.005)
    assert per_token == pytest.approx(0.011)
    assert tokens == pytest.approx(11 / (1.11 + 10 * 0.011 + 0.005))


def test_requests_that_come_together_wait_for_each_other() -> None:
    felt, _ = predicted(MODEL, [Arrival(0.0, 512, 1), Arrival(0.0, 512, 1)])
    assert [each.first_token for each in felt] == pytest.approx([0.527, 1.049])


def test_answers_of_one_token_have_no_pace() -> None:
    assert medians([Felt(1.0, 0.0), Felt(3.0, 0.5)]) == (2.0, 0.5)


@pytest.mark.parametrize(("name", "share", "variation", "sizes"), FORETOLD, ids=[each[0] for each in FORETOLD])
def test_a_trace_to_foretell_is_what_the_replica_carries(name: str, share: float, variation: float, sizes) -> None:
    arrivals = trace(MODEL, share, variation, sizes)
    _, tokens = predicted(MODEL, arrivals)
    assert 5 < len(arrivals) < 2000
    assert all(each.time < SECONDS for each in arrivals)
    assert tokens > 0


def test_the_median_error_is_judged() -> None:
    rows = judged([(20.0, 1.0, 1.0), (14.0, 11.0, 1.0), (1.0, 12.0, 1.0)])
    assert [(row.measured, row.met) for row in rows] == [(14.0, True), (11.0, False), (1.0, True)]
    assert [row.measured for row in compared("x", [(0.1, 0.2), (0.01, 0.02), (9, 10)])] == [200, 20, 10]
