"""pulse.py: an engine with work that stands still is stalled; anything else is not."""

import pytest

from llmfleet_runtime.contract import LoadReport
from llmfleet_runtime.pulse import DOUBT_SECONDS, Pulse

IDLE = LoadReport(started=1, in_flight=0, running=0, waiting=0, kv_cache_usage=0, prompt_tokens=9, generation_tokens=9)


def report(**members):
    return IDLE.model_copy(update=members)


RUNNING = report(in_flight=2, running=2)
SLOW_CLIENT = report(in_flight=1)


def after(*looks, probe_from=None):
    """The pulse once these reports came ten seconds apart, the first at 10 s."""
    pulse = Pulse(0.0)
    for number, each in enumerate(looks, start=1):
        pulse = pulse.look(each, 10.0 * number, has_probe=probe_from is not None and number >= probe_from)
    return pulse


MOVES = {
    "tokens made": [report(in_flight=1, running=1, generation_tokens=float(n)) for n in range(20)],
    "prompts read": [report(in_flight=1, running=1, prompt_tokens=float(n)) for n in range(20)],
    "a long prompt fills the cache piece by piece": [
        report(in_flight=1, running=1, kv_cache_usage=n / 100) for n in range(20)
    ],
    "steps, where tokens are counted at the end": [report(in_flight=1, running=1, steps=float(n)) for n in range(20)],
    "requests come and go": [report(in_flight=3, running=1 + n % 2, waiting=1) for n in range(20)],
}


@pytest.mark.proves("R62")
@pytest.mark.parametrize("looks", MOVES.values(), ids=MOVES)
def test_an_engine_at_work_moves(looks):
    assert after(*looks).still_seconds(10.0 * len(looks) + 1) == 1.0


@pytest.mark.proves("R62")
def test_an_idle_engine_is_never_still():
    assert after(*[IDLE] * 50).still_seconds(10_000.0) == 0.0


@pytest.mark.proves("R62", "F37")
@pytest.mark.parametrize("stuck", [RUNNING, report(in_flight=1, waiting=1)], ids=["running", "waiting"])
def test_work_without_any_move_is_a_stall_from_the_first_look_that_showed_it(stuck):
    assert after(IDLE, IDLE, *[stuck] * 10).still_seconds(140.0) == 110.0


def test_a_move_after_a_stall_ends_it():
    assert after(*[RUNNING] * 20, report(in_flight=2, running=2, generation_tokens=10.0)).still_seconds(210.0) == 0.0


def test_work_that_comes_after_a_long_rest_starts_the_count_anew():
    assert after(*[IDLE] * 20, RUNNING).still_seconds(211.0) == 1.0


@pytest.mark.proves("R62")
def test_requests_that_only_the_guard_counts_are_no_stall_but_a_doubt():
    pulse = after(*[SLOW_CLIENT] * 50)
    assert pulse.still_seconds(10_000.0) == 0.0
    assert after(SLOW_CLIENT).is_doubtful(10.0 + DOUBT_SECONDS)
    assert not after(SLOW_CLIENT).is_doubtful(10.0 + DOUBT_SECONDS - 1)


@pytest.mark.parametrize("looks", [[IDLE] * 9, [RUNNING] * 9], ids=["idle", "running"])
def test_an_engine_that_tells_of_itself_leaves_no_doubt(looks):
    assert not after(*looks).is_doubtful(10_000.0)


@pytest.mark.proves("F37")
def test_an_unanswered_token_of_our_own_is_work_that_stands_still_since_the_doubt_began():
    assert after(*[SLOW_CLIENT] * 10, probe_from=3).still_seconds(100.0) == 90.0


def test_an_engine_without_numbers_is_never_called_stalled():
    blank = LoadReport(started=1, in_flight=4)
    assert after(*[blank] * 50).still_seconds(10_000.0) == 0.0


SILENT = LoadReport(started=1, in_flight=2)


def test_an_engine_whose_page_waits_for_it_is_doubted_without_one_and_then_stands_still():
    assert after(SILENT, SILENT, SILENT).is_doubtful(31.0)
    stuck = after(*[SILENT] * 14, probe_from=4)
    assert stuck.still_seconds(150.0) == 140.0


def test_pages_that_come_now_and_then_are_a_life():
    late = after(*[SILENT, report(in_flight=2, running=2, steps=5.0)] * 7)
    assert late.still_seconds(141.0) == 1.0
