"""load.py: metrics pages become load reports."""

from pathlib import Path

import pytest

from llmfleet_runtime.contract import LoadReport, Totals
from llmfleet_runtime.load import kv_cache_tokens, report

PAGE = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="tiny"} 3.0
vllm:num_requests_waiting{engine="0",model_name="tiny"} 14.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="tiny",reason="capacity"} 14.0
vllm:kv_cache_usage_perc{engine="0",model_name="tiny"} 0.25
vllm:prompt_tokens_total{engine="0",model_name="tiny"} 1.024e+03
vllm:prompt_tokens_created{engine="0",model_name="tiny"} 1.79e+09
vllm:generation_tokens_total{engine="0",model_name="tiny"} 77.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="tiny"} 1.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="tiny"} 4.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="tiny"} 4.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="tiny"} 0.5
vllm:inter_token_latency_seconds_count{engine="0",model_name="tiny"} 73.0
vllm:inter_token_latency_seconds_sum{engine="0",model_name="tiny"} 0.365
vllm:inter_token_latency_seconds_bucket{engine="0",le="0.01",model_name="tiny"} 73.0
vllm:request_time_per_output_token_seconds_bucket{engine="0",le="0.01",model_name="tiny"} 1.0
vllm:request_time_per_output_token_seconds_bucket{engine="0",le="0.025",model_name="tiny"} 2.0
vllm:request_time_per_output_token_seconds_bucket{engine="0",le="+Inf",model_name="tiny"} 3.0
vllm:request_time_per_output_token_seconds_count{engine="0",model_name="tiny"} 3.0
vllm:request_time_per_output_token_seconds_sum{engine="0",model_name="tiny"} 0.06
vllm:cache_config_info{block_size="128",engine="0",num_gpu_blocks="4096",swap_space="0"} 1.0
process_resident_memory_bytes 1.0e+09
"""

WHOLE = LoadReport(
    started=10.0,
    in_flight=17,
    running=3,
    waiting=14,
    kv_cache_usage=0.25,
    prompt_tokens=1024,
    generation_tokens=77,
    time_to_first_token=Totals(sum=0.5, count=4, buckets=((0.001, 1),)),
    time_per_output_token=Totals(sum=0.365, count=73),
    request_time_per_output_token=Totals(sum=0.06, count=3, buckets=((0.01, 1), (0.025, 2))),
)


def test_a_page_of_this_version_is_read_whole():
    assert report(PAGE, 10.0, 17) == WHOLE


def test_the_report_is_small():
    page = (Path(__file__).parents[2] / "contract" / "v1" / "metrics-vllm-0.32.txt").read_text()
    assert len(report(page, 10.0, 17).to_json()) < 1400


BUCKET = 'vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="tiny"} 1.0\n'


@pytest.mark.parametrize(
    "bucket",
    [
        pytest.param(BUCKET.replace("} 1.0", "} NaN"), id="no number"),
        pytest.param(BUCKET.replace("} 1.0", "} 5.0"), id="more than the count"),
        pytest.param(BUCKET.replace("0.001", "soon"), id="no bound"),
        pytest.param(BUCKET + BUCKET.replace("0.001", "0.002").replace("} 1.0", "} 0.0"), id="falling"),
    ],
)
def test_buckets_that_are_none_are_absent_and_leave_the_sum(bucket):
    found = report(PAGE.replace(BUCKET, bucket), 10.0, 17).time_to_first_token
    assert found == Totals(sum=0.5, count=4)


def test_no_infinite_bucket_is_no_histogram():
    page = PAGE.replace('vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="tiny"} 4.0\n', "")
    assert report(page, 10.0, 17).time_to_first_token == Totals(sum=0.5, count=4)


def test_an_empty_page_gives_the_guards_count_and_nothing_else():
    assert report("", 10.0, 2) == LoadReport(started=10.0, in_flight=2)


def test_older_names_are_understood():
    old = PAGE.replace("kv_cache_usage", "gpu_cache_usage").replace("inter_token_latency", "time_per_output_token")
    assert report(old, 10.0, 17) == WHOLE


def test_the_newer_name_wins_where_a_page_has_both():
    both = PAGE + 'vllm:gpu_cache_usage_perc{engine="0"} 0.9\nvllm:time_per_output_token_seconds_sum 9\n'
    assert report(both, 10.0, 17) == WHOLE


def test_engines_of_one_server_are_added_and_the_fullest_cache_counts():
    two = PAGE + PAGE.replace('engine="0"', 'engine="1"').replace("} 0.25", "} 0.75")
    found = report(two, 10.0, 17)
    assert (found.running, found.waiting, found.kv_cache_usage) == (6, 28, 0.75)
    assert (found.generation_tokens, found.time_to_first_token) == (
        154,
        Totals(sum=1.0, count=8, buckets=((0.001, 2),)),
    )


@pytest.mark.parametrize("value", ["NaN", "-1", "+Inf", "-Inf", "nonsense", ""])
def test_a_value_that_is_no_number_is_absent_and_never_zero(value):
    page = f'vllm:num_requests_waiting{{engine="0"}} {value}\nvllm:num_requests_running{{engine="0"}} 1\n'
    found = report(page, 10.0, 0)
    assert (found.waiting, found.running) == (None, 1)


def test_one_bad_engine_hides_the_sum():
    page = 'vllm:num_requests_waiting{engine="0"} 4\nvllm:num_requests_waiting{engine="1"} NaN\n'
    assert report(page, 10.0, 0).waiting is None


def test_half_a_histogram_is_absent():
    assert report('vllm:time_to_first_token_seconds_sum{engine="0"} 1\n', 10.0, 0).time_to_first_token is None


@pytest.mark.parametrize(
    "line",
    [
        'vllm:num_requests_waiting{model_name="a} 9"} 5',
        'vllm:num_requests_waiting{model_name="a b\\"c{",engine="0"} 5 1790000000000',
        "vllm:num_requests_waiting 5",
        "vllm:num_requests_waiting 5 1790000000000",
        'vllm:num_requests_waiting{engine="0"}5',
    ],
)
def test_labels_and_time_stamps_do_not_confuse(line):
    assert report(line, 10.0, 0).waiting == 5


def test_a_usage_above_one_is_one():
    assert report('vllm:kv_cache_usage_perc{engine="0"} 1.0000001', 10.0, 0).kv_cache_usage == 1.0


@pytest.mark.parametrize(
    ("page", "tokens"),
    [
        (PAGE, 524288),
        (PAGE + PAGE, 1048576),
        ("", None),
        ('vllm:cache_config_info{block_size="16",num_gpu_blocks="None"} 1.0', None),
        ('vllm:cache_config_info{num_gpu_blocks="10"} 1.0', None),
    ],
)
def test_cache_tokens_are_blocks_times_size(page, tokens):
    assert kv_cache_tokens(page) == tokens


def test_nothing_infinite_reaches_the_wire():
    text = report("vllm:prompt_tokens_total 1e400", 10.0, 0).to_json()
    assert "Infinity" not in text
