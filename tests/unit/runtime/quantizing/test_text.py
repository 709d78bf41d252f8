"""Which text calibrates and which is evaluated on."""

import pytest

from llmfleet_runtime.quantizing.text import default_text, parts, windows


def test_no_line_calibrates_and_is_evaluated_on():
    text = "".join(f"line {number}\n" for number in range(100))
    learned, judged = parts(text)
    assert learned + judged == text
    assert learned.endswith("\n")
    assert 0.08 < len(judged) / len(text) < 0.12


def test_a_text_of_one_line_is_all_for_evaluation():
    assert parts("no end of a line") == ("", "no end of a line")


def test_the_default_text_is_long_and_the_same_every_time():
    assert len(default_text()) > 300_000
    assert default_text() == default_text()


@pytest.mark.parametrize(
    ("tokens", "length", "most", "starts"),
    [(100, 10, 3, [0, 33, 66]), (100, 10, 50, [*range(0, 100, 10)]), (25, 10, 5, [0, 12]), (9, 10, 5, [])],
)
def test_windows_are_whole_and_spread_over_the_text(tokens, length, most, starts):
    found = windows(range(tokens), length, most)
    assert [each[0] for each in found] == starts
    assert all(len(each) == length for each in found)


def test_what_begins_every_prompt_begins_every_window():
    assert windows(range(10, 20), 5, 2, begin=[1]) == [[1, 10, 11, 12, 13], [1, 15, 16, 17, 18]]
