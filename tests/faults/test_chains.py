"""Chains come from their seed alone, and are made as short as their failure allows."""

import random

import pytest

from tests.faults.chains import EDITS, FAULTS, LONGEST, Calm, Disturb, Edit, Kill, Wait, draw, failure, shortest


def test_a_seed_always_gives_the_same_chains() -> None:
    first, again = random.Random(7), random.Random(7)
    assert [draw(first) for _ in range(20)] == [draw(again) for _ in range(20)]


def test_chains_use_every_kind_of_step_every_edit_and_every_fault() -> None:
    rng = random.Random(1)
    steps = [step for _ in range(500) for step in draw(rng)]
    assert {type(step).__name__ for step in steps} == {"Edit", "Kill", "Disturb", "Calm", "Wait", "Remove"}
    assert all(Edit(edit) in steps for edit in EDITS)
    assert all(Disturb(fault) in steps for fault in FAULTS)


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


def test_a_failure_is_told_in_its_own_words() -> None:
    def run(chain) -> None:
        assert chain != (A,), "not so"

    assert failure(run, (B,)) == ""
    assert "not so" in failure(run, (A,))
