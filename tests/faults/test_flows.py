"""What many killed runs of a flow come to."""

import pytest

from tests.faults.flows import Absent, Kill, Verdicts, verdicts

KILLS = [Kill(number, forwarded) for number in (1, 2) for forwarded in (True, False)]


def test_well_run_kills_are_counted() -> None:
    assert verdicts(KILLS, lambda kill: "") == Verdicts({}, killed=4)


def test_what_is_wrong_is_told_by_its_kill() -> None:
    found = verdicts(KILLS, lambda kill: "" if kill.forwarded else "left over")
    assert found == Verdicts({"before write 1": "left over", "before write 2": "left over"}, killed=4)


def test_a_write_that_the_run_did_without_is_no_kill() -> None:
    def wrong(kill: Kill) -> str:
        if kill.number == 2:
            raise Absent
        return ""

    assert verdicts(KILLS, wrong) == Verdicts({}, killed=2)


def test_a_run_that_could_not_be_judged_is_an_error() -> None:
    def wrong(kill: Kill) -> str:
        raise OSError("the server is gone")

    with pytest.raises(OSError, match="the server is gone"):
        verdicts(KILLS, wrong)
