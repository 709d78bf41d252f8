"""Numbers made of what was observed."""

import math

import pytest

from llmfleet_runtime.quantizing.evaluation import Observed, Shown, quality

SOURCE = Observed(by="a", logprobs=(-2.0, -4.0), choices=((1, 2), (3, 4)), continuations=((5, 6, 7, 8), (9, 9, 9, 9)))


def test_perplexity_is_of_all_tokens_together_and_the_source_agrees_with_nobody():
    found = quality(SOURCE, None)
    assert found.perplexity == pytest.approx(math.exp(6 / 4))
    assert (found.tokens, found.agreement, found.same_beginning) == (4, None, None)


@pytest.mark.parametrize(
    ("choices", "agreement"),
    [(((1, 2), (3, 4)), 1.0), (((1, 0), (3, 4)), 0.75), (((2, 1), (4, 3)), 0.0)],
)
def test_agreement_is_the_share_of_equal_first_choices(choices, agreement):
    assert quality(SOURCE.model_copy(update={"choices": choices}), SOURCE).agreement == agreement


@pytest.mark.parametrize(
    ("continuations", "share"),
    [
        (((5, 6, 7, 8), (9, 9, 9, 9)), 1.0),
        (((5, 6, 0, 8), (9, 9, 9, 9)), 6 / 8),
        (((0, 6, 7, 8), (9, 0, 9, 9)), 1 / 8),
        (((0, 0, 0, 0), (0, 0, 0, 0)), 0.0),
    ],
)
def test_after_the_first_other_token_nothing_counts_as_the_same(continuations, share):
    assert quality(SOURCE.model_copy(update={"continuations": continuations}), SOURCE).same_beginning == share


def test_speed_is_handed_on_from_whoever_measured_it():
    found = quality(SOURCE.model_copy(update={"first_token_seconds": 0.5, "tokens_per_second": 20.0}), SOURCE)
    assert (found.first_token_seconds, found.tokens_per_second) == (0.5, 20.0)


def test_what_was_shown_to_one_model_cannot_be_compared_with_less_of_it():
    with pytest.raises(ValueError, match="zip"):
        quality(SOURCE, SOURCE.model_copy(update={"choices": ((1, 2),)}))


def test_every_window_and_every_beginning_is_a_part_of_the_work():
    assert Shown([[1, 2], [3, 4]], [[1]], 8).parts == 3
