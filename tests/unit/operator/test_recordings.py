"""Recordings of engines: a measure is recorded whatever the engine and its version call it."""

import re

import pytest

from llmfleet.monitoring.recordings import RECORDINGS
from llmfleet_runtime.contract import measures

RECORDED = {
    "llmfleet:requests:rate5m": [f"{name}_count" for name in measures.TIME_TO_FIRST_TOKEN],
    "llmfleet:prompt_tokens:rate5m": [*measures.PROMPT_TOKENS],
    "llmfleet:output_tokens:rate5m": [*measures.GENERATION_TOKENS],
    "llmfleet:time_to_first_token_seconds:p95": [f"{name}_bucket" for name in measures.TIME_TO_FIRST_TOKEN],
    "llmfleet:time_per_output_token_seconds:p95": [f"{each}_bucket" for each in measures.REQUEST_TIME_PER_OUTPUT_TOKEN],
    "llmfleet:kv_cache_usage:max": [*measures.KV_CACHE_USAGE],
}
ENGINES_NAME = re.compile(r"(?:vllm|llamacpp):\w+")


@pytest.mark.parametrize(("record", "names"), RECORDED.items(), ids=RECORDED)
def test_each_name_of_a_measure_is_asked_for_newest_first(record: str, names: list[str]) -> None:
    (expr,) = [each.expr for each in RECORDINGS if each.record == record]
    assert ENGINES_NAME.findall(expr) == names


def test_no_other_recording_is_of_an_engine() -> None:
    assert {each.record for each in RECORDINGS if ENGINES_NAME.search(each.expr)} == set(RECORDED)
