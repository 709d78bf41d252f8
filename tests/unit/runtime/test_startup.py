"""startup.py: where the seconds of a start went."""

import pytest

from llmfleet_runtime.startup import Marks, phases

FETCHED = "(EngineCore pid=7) INFO weight_utils.py:533] Time spent downloading weights for org/m: 12.500000 seconds\n"


@pytest.mark.parametrize(
    ("output", "expected"),
    [("", (2.0, 30.0, 3.0)), (FETCHED, (14.5, 17.5, 3.0)), (FETCHED * 9, (32.0, 0.0, 3.0))],
    ids=["local", "fetched by the engine", "more than there was"],
)
def test_each_second_is_in_one_phase(output, expected):
    found = phases(Marks(100.0, 102.0, 132.0, 135.0), output)
    assert (found.download, found.load, found.warm_up) == expected


def test_a_clock_that_was_set_back_makes_no_negative_phase():
    found = phases(Marks(100.0, 102.0, 90.0, 80.0), FETCHED)
    assert (found.download, found.load, found.warm_up) == (2.0, 0.0, 0.0)
