"""farewell.py: the termination message."""

import pytest

from llmfleet_runtime.contract import TERMINATION_MESSAGE_BYTES, ExitCode, Farewell
from llmfleet_runtime.drain import Ledger
from llmfleet_runtime.farewell import farewell, fitted, write


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (ExitCode.STOPPED, "Stopped"),
        (ExitCode.ENGINE_DIED, "EngineDied"),
        (ExitCode.BAD_CONFIG, "BadConfig"),
    ],
)
def test_each_exit_code_has_its_reason(code, reason):
    document = farewell(code, "because")
    assert (document.exit_code, document.reason, document.message) == (code, reason, "because")


def test_without_a_drain_its_numbers_are_absent_and_not_zero():
    assert (
        fitted(farewell(ExitCode.STOPPED, "x")) == '{"exitCode": 0, "message": "x", "reason": "Stopped", "version": 1}'
    )


def test_a_drain_is_told_in_numbers():
    document = farewell(ExitCode.STOPPED, "x", Ledger(in_flight_at_start=16, finished=14, aborted=2, seconds=30.5))
    told = (document.in_flight_at_start, document.finished, document.aborted, document.seconds)
    assert told == (16, 14, 2, 30.5)


def test_a_drain_nobody_counted_has_its_time_only():
    document = farewell(ExitCode.STOPPED, "x", Ledger(seconds=3.0))
    assert (document.finished, document.aborted, document.seconds) == (None, None, 3.0)


def test_the_engines_words_follow_ours():
    assert farewell(ExitCode.ENGINE_DIED, "ours", output="theirs\n").message == "ours\ntheirs"


@pytest.mark.parametrize("character", ["x", "é", "\n", '"', "\x00", "😀", "�"])
def test_every_message_fits_and_keeps_its_end(character):
    document = farewell(ExitCode.ENGINE_DIED, character * 5000 + "the end")
    text = fitted(document)
    assert len(text.encode()) <= TERMINATION_MESSAGE_BYTES
    assert Farewell.model_validate_json(text).message.endswith("the end")
    assert len(text.encode()) > TERMINATION_MESSAGE_BYTES - 500


def test_it_is_written_where_the_kubelet_looks(tmp_path):
    document = farewell(ExitCode.STOPPED, "x")
    write(document, tmp_path / "log")
    assert Farewell.model_validate_json((tmp_path / "log").read_text()) == document


def test_a_place_that_cannot_be_written_is_no_reason_to_fail(tmp_path):
    write(farewell(ExitCode.STOPPED, "x"), tmp_path / "missing" / "log")
