"""What is recorded of engines, whatever their versions call it; promtool reckons."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.prometheus import promtool
from llmfleet_runtime.contract import measures

pytestmark = pytest.mark.prometheus
RULES = Path(__file__).parents[2] / "charts" / "llmfleet" / "files" / "monitoring" / "rules.yaml"
FLEET = {"namespace": "team-a", "name": "qwen"}
COUNTERS = {
    "llmfleet:requests:rate5m": [f"{name}_count" for name in measures.TIME_TO_FIRST_TOKEN],
    "llmfleet:prompt_tokens:rate5m": [*measures.PROMPT_TOKENS],
    "llmfleet:output_tokens:rate5m": [*measures.GENERATION_TOKENS],
}
HISTOGRAMS = {
    "llmfleet:time_to_first_token_seconds:p95": measures.TIME_TO_FIRST_TOKEN,
    "llmfleet:time_per_output_token_seconds:p95": measures.REQUEST_TIME_PER_OUTPUT_TOKEN,
}
EVERY_SECOND, TWICE = "0+60x20", "0+120x20"


def pod(name: str, of: str = "a", more: str = "") -> str:
    return f'{name}{{namespace="team-a",name="qwen",pod="qwen-{of}",engine="0"{more}}}'


def reckoned(programs: Path, folder: Path, record: str, series: dict[str, str], value: float) -> None:
    """That the recording has this value after ten minutes."""
    sample = {"labels": f'{record}{{namespace="team-a", name="qwen"}}', "value": value}
    test: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": record, "eval_time": "10m", "exp_samples": [sample]}],
    }
    path = folder / "tests.yml"
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}))
    assert "SUCCESS" in promtool(programs, "test", "rules", str(path))


@pytest.mark.parametrize(
    ("record", "name"), [(record, name) for record, names in COUNTERS.items() for name in names], ids=str
)
def test_a_counter_is_recorded_under_each_of_its_names(programs: Path, tmp_path: Path, record: str, name: str) -> None:
    reckoned(programs, tmp_path, record, {pod(name): EVERY_SECOND}, 1)


@pytest.mark.parametrize(("record", "names"), COUNTERS.items(), ids=COUNTERS)
def test_pods_of_all_versions_are_added_up(programs: Path, tmp_path: Path, record: str, names: list[str]) -> None:
    series = {pod(name, str(number)): EVERY_SECOND for number, name in enumerate(names)}
    reckoned(programs, tmp_path, record, series, len(names))


@pytest.mark.parametrize(("record", "names"), COUNTERS.items(), ids=COUNTERS)
def test_a_pod_that_has_several_names_counts_once_by_the_newest(
    programs: Path, tmp_path: Path, record: str, names: list[str]
) -> None:
    series = dict.fromkeys(map(pod, names), TWICE) | {pod(names[0]): EVERY_SECOND}
    reckoned(programs, tmp_path, record, series, 1)


@pytest.mark.parametrize(
    ("record", "name"), [(record, name) for record, names in HISTOGRAMS.items() for name in names], ids=str
)
def test_a_percentile_is_recorded_under_each_name_of_its_histogram(
    programs: Path, tmp_path: Path, record: str, name: str
) -> None:
    bounds = {"1": EVERY_SECOND, "2": TWICE, "+Inf": TWICE}
    series = {pod(f"{name}_bucket", more=f',le="{bound}"'): values for bound, values in bounds.items()}
    reckoned(programs, tmp_path, record, series, 1.9)


@pytest.mark.parametrize("name", measures.KV_CACHE_USAGE)
def test_the_cache_is_recorded_under_each_of_its_names(programs: Path, tmp_path: Path, name: str) -> None:
    reckoned(programs, tmp_path, "llmfleet:kv_cache_usage:max", {pod(name): "0.5x20"}, 0.5)


def test_the_fullest_cache_is_that_of_any_version_by_the_newest_name_of_each(programs: Path, tmp_path: Path) -> None:
    new, old = measures.KV_CACHE_USAGE
    series = {pod(new): "0.2x20", pod(old): "0.9x20", pod(old, "b"): "0.7x20"}
    reckoned(programs, tmp_path, "llmfleet:kv_cache_usage:max", series, 0.7)
