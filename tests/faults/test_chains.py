"""Chains come from their seed alone, and are made as short as their failure allows."""

import random
from typing import get_args

import pytest

from e2e.cluster import ClusterError
from llmfleet.core.judge import judge
from llmfleet.reference import root_schema
from tests.builders import deployment, with_spec
from tests.faults.chains import (
    EDITS,
    FAULTS,
    LONGEST,
    MISEDITS,
    RELIVED,
    Calm,
    Disturb,
    Edit,
    Kill,
    Misedit,
    Relive,
    Step,
    Wait,
    draw,
    failure,
    shortest,
)


def test_a_seed_always_gives_the_same_chains() -> None:
    first, again = random.Random(7), random.Random(7)
    assert [draw(first) for _ in range(20)] == [draw(again) for _ in range(20)]


def test_chains_use_every_kind_of_step_every_edit_and_every_fault() -> None:
    rng = random.Random(1)
    steps = [step for _ in range(500) for step in draw(rng)]
    assert {type(step) for step in steps} == set(get_args(Step))
    assert all(Edit(edit) in steps for edit in EDITS)
    assert all(Misedit(edit) in steps for edit in MISEDITS)
    assert all(Disturb(fault) in steps for fault in FAULTS)
    assert all(Relive(verb) in steps for verb in RELIVED)


@pytest.mark.parametrize(("edits", "is_legal"), [(EDITS, True), (MISEDITS, False)], ids=["edits", "misedits"])
def test_the_server_takes_every_edit_and_no_misedit(edits, is_legal) -> None:
    judged = [judge(root_schema(), deployment(with_spec(**edit))) == [] for edit in edits]
    assert judged == [is_legal] * len(edits)


def test_no_chain_is_empty_or_too_long() -> None:
    rng = random.Random(2)
    assert {len(draw(rng)) for _ in range(300)} == set(range(2, LONGEST + 1))


A, B, C, D = Edit({"replicas": 1}), Kill(0, forwarded=True), Wait(1.0), Calm()


@pytest.mark.proves("F50")
@pytest.mark.parametrize(
    ("chain", "needed", "expected"),
    [
        ((A, B, C, D), [B], (B,)),
        ((A, B, C, D), [A, D], (A, D)),
        ((A, B, C, D), [], ()),
        ((A, A, A), [A], (A,)),
        ((A, B), [A, B], (A, B)),
    ],
)
def test_steps_that_a_failure_does_not_need_are_left_out(chain, needed, expected) -> None:
    def fails(shorter) -> bool:
        return all(step in shorter for step in needed)

    assert shortest(fails, chain) == expected


@pytest.mark.parametrize(
    ("chain", "failing", "expected"),
    [
        pytest.param((A, B, C), [(A, B), (A,)], (A,), id="needless only once a later one is gone"),
        pytest.param((A, B, C, D), [(A, B, C), (B, C), (B,)], (B,), id="from both ends"),
        pytest.param((A, B, C), [(A, C), (C,), ()], (), id="down to none"),
        pytest.param((A, B, C), [], (A, B, C), id="none without it"),
    ],
)
def test_a_chain_is_shortened_until_no_step_can_be_left_out(chain, failing, expected) -> None:
    found = shortest(lambda each: each in failing, chain)
    assert found == expected
    assert not any(found[:index] + found[index + 1 :] in failing for index in range(len(found)))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AssertionError("not so"), "AssertionError: not so"),
        (ClusterError("kubectl ended"), "ClusterError: kubectl ended"),
        (TimeoutError(), "TimeoutError: "),
        (OSError("reset"), "OSError: reset"),
    ],
)
def test_whatever_ends_a_chain_is_told_as_its_failure(error, words) -> None:
    def run(chain) -> None:
        if chain == (A,):
            raise error

    assert failure(run, (B,)) == ""
    assert failure(run, (A,)) == words


def test_what_the_user_stops_is_no_failure_of_a_chain() -> None:
    def run(chain) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        failure(run, (A,))
