"""A fleet that cannot be seen while its load rises, or does not."""

from llmfleet.core.scaling.decide import Why
from llmfleet.core.simulation import synthetic
from tests.unit.operator.test_offered import Watched, during, run, silent


def test_a_blind_ramp_costs_little() -> None:
    ramp = synthetic.ramp(9, 20, 300, 900)
    seeing, blind = run(ramp, 1200, Watched()), run(ramp, 1200, Watched(), during(500, 620, silent))
    assert blind.attained > seeing.attained - 0.02


def test_what_rose_when_it_was_last_seen_is_taken_to_go_on_and_no_further_than_a_trend_goes() -> None:
    watched = Watched()
    run(synthetic.ramp(6, 40, 300, 1500), 2400, watched, during(700, 2400, silent))
    blind = watched.between(720, 2400)
    before = blind[0][0]
    assert before < blind[-1][1].replicas <= 3 * before
    assert watched.grown(1300, 2400) == 0
    assert {decision.why for _, decision in blind} == {Why.NO_DATA}
    assert any("taken to go on" in decision.message for _, decision in blind)
    assert watched.released(700, 2400) == 0


def test_without_a_trend_a_blind_fleet_stays_as_it_is() -> None:
    watched = Watched()
    run(lambda _: 9.0, 2400, watched, during(900, 2400, silent))
    assert watched.grown(900, 2400) == watched.released(900, 2400) == 0
