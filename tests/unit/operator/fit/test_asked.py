"""A fleet's spec, as the planner reads it."""

from typing import Any

import pytest

from llmfleet.api.v1alpha1 import Spec
from llmfleet.core.fit.accelerators import named
from llmfleet.core.fit.asked import planned, settings_of
from llmfleet.core.fit.planner import Verdict
from llmfleet.core.fit.settings import Settings
from tests.unit.operator.fit.models import public


def spec(**engine: Any) -> Spec:
    return Spec.model_validate({"model": {"uri": "hf://a/b"}, "engine": engine})


def argument(name: str, value: str | None = None) -> dict[str, Any]:
    return {"args": [{"name": name, "value": value} if value is not None else {"name": name}]}


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ({}, Settings()),
        ({"maxModelLen": 8192, "maxConcurrency": 64}, Settings(max_model_len=8192, max_num_seqs=64)),
        ({"dtype": "Float32"}, Settings(dtype="float32")),
        (argument("gpu-memory-utilization", "0.5"), Settings(utilization=0.5)),
        (argument("gpu-memory-utilization", "half"), Settings()),
        (argument("max-num-batched-tokens", "512"), Settings(max_num_batched_tokens=512)),
        (argument("enforce-eager"), Settings(enforce_eager=True)),
        (argument("enforce-eager", "false"), Settings()),
    ],
    ids=str,
)
def test_a_spec_is_read_as_the_engine_is_told(engine: dict[str, Any], expected: Settings) -> None:
    assert settings_of(spec(**engine)) == expected


@pytest.mark.parametrize(
    ("engine", "card", "verdict", "length"),
    [
        ({}, "H100", Verdict.FITS, 131072),
        ({}, "L4", Verdict.FITS, 34672),
        ({}, "T4", Verdict.DOES_NOT_FIT, 131072),
        ({"maxModelLen": 8192}, "L4", Verdict.FITS, 8192),
        ({"maxModelLen": 65536}, "L4", Verdict.DOES_NOT_FIT, 65536),
    ],
)
def test_an_absent_context_is_the_longest_that_fits(
    engine: dict[str, Any], card: str, verdict: Verdict, length: int
) -> None:
    accelerator = named(card)
    assert accelerator
    found = planned(public("meta-llama/Llama-3.1-8B"), spec(**engine), accelerator)
    assert (found.verdict, found.max_model_len) == (verdict, length)
