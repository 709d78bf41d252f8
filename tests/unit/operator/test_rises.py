"""How far a fleet believes that what rises goes on."""

from llmfleet.core.simulation import synthetic
from tests.unit.operator.test_offered import Watched, run


def test_the_first_rise_is_believed_by_half_and_a_long_one_more_and_more_as_the_chain_says() -> None:
    watched = Watched()
    run(synthetic.ramp(6, 30, 300, 1200), 1500, watched)
    told = [decision.message.partition("is believed by ")[2] for _, decision in watched.between(0, 1500)]
    shares = [int(each.partition("%, as earlier ones came")[0]) for each in told if each]
    assert shares[0] == 50
    assert shares[-1] > 90
