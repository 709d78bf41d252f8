"""Whatever a server answers: no exception but one, and no number that is none."""

import json
import math
from dataclasses import astuple

from hypothesis import given
from hypothesis import strategies as st

from llmfleet.core.scaling.sample import Sample
from llmfleet.core.scaling.series import NAMES, NotAnAnswer, Scrape, points, samples

NOW = 1_000_000.0
PODS = [("qwen-0123456789-a", "uid-a"), ("qwen-0123456789-b", "uid-b")]
TEXT = st.one_of(st.floats().map(str), st.sampled_from(["NaN", "+Inf", "-Inf", "1e999", "", "0x1", "-0"]), st.text())
TIMES = st.one_of(st.floats(NOW - 60, NOW + 20), st.floats(), st.integers())
LABELS = st.fixed_dictionaries(
    {"__name__": st.sampled_from(NAMES), "pod": st.sampled_from([name for name, _ in PODS])},
    optional={"le": TEXT, "engine": st.sampled_from("01")},
)
SERIES = st.fixed_dictionaries({"metric": LABELS, "values": st.lists(st.tuples(TIMES, TEXT), max_size=3)})
JSON = st.recursive(
    st.none() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


def numbers(value: object) -> list[float]:
    """Every number of a sample, however deep."""
    if isinstance(value, tuple):
        return [number for each in value for number in numbers(each)]
    return [float(value)] if isinstance(value, int | float) else []


def read(answer: object) -> tuple[Sample, ...]:
    return samples(points(answer), PODS, Scrape(), NOW)


@given(st.lists(SERIES, max_size=20))
def test_each_number_of_a_sample_is_one(answer: list) -> None:
    try:
        found = read(answer)
    except NotAnAnswer:
        return
    assert [each.pod for each in found] == ["uid-a", "uid-b"]
    assert all(math.isfinite(number) and number >= 0 for each in found for number in numbers(astuple(each)))


@given(JSON)
def test_any_document_is_read_or_refused(answer: object) -> None:
    try:
        found = read(json.loads(json.dumps(answer)))
    except NotAnAnswer:
        return
    assert not any(each.is_heard for each in found)
