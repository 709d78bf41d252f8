"""The planner against what others report of public models on GPUs."""

from typing import Any

import pytest

from llmfleet.core.fit.accelerators import GIB, named
from llmfleet.core.fit.planner import Fit, Verdict, fit
from llmfleet.core.fit.settings import Settings
from tests.unit.operator.fit.models import PUBLIC, VERDICTS, public

ASKED = Settings.__dataclass_fields__


def told(case: dict[str, Any]) -> Fit:
    settings = Settings(**{"utilization": 0.9, **{name: value for name, value in case.items() if name in ASKED}})
    accelerator = named(case["gpu"])
    assert accelerator
    return fit(public(case["model"]), settings, accelerator)


def name_of(case: dict[str, Any]) -> str:
    return f"{case['model']} on {case.get('tensor', 1)} {case['gpu']} with {case['max_model_len']}"


def test_there_are_enough_of_them() -> None:
    assert len(PUBLIC) >= 25
    assert len({case["model"] for case in VERDICTS}) >= 25
    assert sum(case.get("near", False) for case in VERDICTS) >= 8


@pytest.mark.parametrize("case", [each for each in VERDICTS if "differs" not in each], ids=name_of)
def test_the_verdict_is_the_reported_one(case: dict[str, Any]) -> None:
    found = told(case)
    assert found.verdict is (Verdict.FITS if case["fits"] else Verdict.DOES_NOT_FIT), found.reason


@pytest.mark.parametrize("case", [each for each in VERDICTS if "differs" in each], ids=name_of)
def test_where_the_verdict_differs_it_is_said_to_be_close(case: dict[str, Any]) -> None:
    found = told(case)
    assert (found.verdict is Verdict.FITS) is not case["fits"]
    assert found.is_close


@pytest.mark.parametrize(
    ("model", "tensor", "gpu", "reported"),
    [
        ("meta-llama/Meta-Llama-3-8B", 1, "H100", 14.96),
        ("meta-llama/Meta-Llama-3-8B", 2, "H100", 7.48),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", 2, "RTX-4090", 13.95),
        ("meta-llama/Llama-3.1-405B-FP8", 8, "H100", 57.75),
        ("openai/gpt-oss-20b", 1, "A100-80GB", 13.72),
        ("openai/gpt-oss-120b", 1, "H100", 65.97),
    ],
)
def test_weights_are_what_engines_log_to_two_percent(model: str, tensor: int, gpu: str, reported: float) -> None:
    """Sources: those of the same models in ``public_verdicts.toml``; gpt-oss-120b: vllm issue 23278."""
    accelerator = named(gpu)
    assert accelerator
    weights = fit(public(model), Settings(tensor=tensor), accelerator).shares[0]
    assert weights.bytes / GIB == pytest.approx(reported, rel=0.02)


@pytest.mark.parametrize(
    ("tokens", "reported"),
    [(20000, 2.07), (29000, 2.99)],
)
def test_activations_are_what_an_engine_logged_to_a_tenth(tokens: int, reported: float) -> None:
    """Llama-3.1-8B: peak less weights. (github.com/vllm-project/vllm/issues/10517)"""
    accelerator = named("RTX-3090")
    assert accelerator
    settings = Settings(max_num_batched_tokens=tokens, max_num_seqs=256)
    shares = {each.what: each.bytes for each in fit(public("meta-llama/Llama-3.1-8B"), settings, accelerator).shares}
    assert shares["activations"] / GIB == pytest.approx(reported, rel=0.1)
