"""measures.py: which engines are known, and what a metrics page lacks."""

from pathlib import Path

import pytest

from llmfleet_runtime.engines.vllm import VLLM
from llmfleet_runtime.load import report, warnings
from llmfleet_runtime.measures import missing

MEASURES = {measure: names for measure, names in vars(VLLM.measures).items() if names}
PAGE = (Path(__file__).parents[2] / "contract" / "v1" / "metrics-vllm-0.32.txt").read_text()


@pytest.mark.parametrize(
    ("version", "known"),
    [("0.32.0", True), ("0.32.1+cpu", True), ("0.320.0", False), ("0.33.0", False), ("1.0", False), ("", False)],
)
def test_an_engine_of_an_unknown_version_is_warned_of_by_name(version, known):
    found = warnings(VLLM, version, PAGE)
    assert [each.reason for each in found] == ([] if known else ["EngineVersionUnknown"])
    assert all(f"vLLM {version} was never tried" in each.message and "0.32" in each.message for each in found)


def test_a_page_of_the_known_version_lacks_nothing():
    assert missing(VLLM, PAGE) == ()


@pytest.mark.parametrize(("member", "names"), MEASURES.items(), ids=MEASURES)
def test_a_metric_that_went_is_named(member, names):
    (only,) = warnings(VLLM, "0.32.0", PAGE.replace(names[0], "vllm:renamed"))
    assert (only.reason, only.message) == ("MetricUnknown", f"the engine's metrics page has no {names[0]}")


@pytest.mark.parametrize("names", [each for each in MEASURES.values() if len(each) > 1], ids=lambda names: names[0])
def test_the_name_of_an_earlier_version_is_as_good(names):
    renamed = PAGE.replace(names[0], names[1])
    assert missing(VLLM, renamed) == ()
    assert report(renamed, 1.0, 0) == report(PAGE, 1.0, 0)


def test_a_page_that_did_not_come_says_nothing_of_metrics():
    assert warnings(VLLM, "0.32.0", None) == ()
